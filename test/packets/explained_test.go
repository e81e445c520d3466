package packets_test

// explained are the differences that are correct, or that the RFCs leave open. Packets
// are named by patterns of path.Match; without a transport, both are meant.
var explained = []struct {
	packets   []string
	transport string
	why       string
}{
	{
		packets: []string{"opcode 5 A", "opcode 5 without a question", "opcode 5 with OPT"},
		why:     "RFC 1035, section 4.1.1: an unsupported kind of query is answered NOTIMP. BIND and Knot support UPDATE, and find it malformed (RFC 2136, section 3.1.1)",
	},
	{
		packets: []string{"count of questions 0, OPT"},
		why:     "RFC 1035, section 4.1.1: the query cannot be interpreted. A dns.Server reads nothing after a header without a question, so it does not see the OPT (RFC 6891, section 6.1.1)",
	},
	{
		packets: []string{"count of additionals 3, *", "count of answers 2", "count of authorities 2"},
		why:     "RFC 1035, section 4.1: a query has a question, and no RFC gives it two answers, two authorities or three additional records. A dns.Server limits what strangers can make it read",
	},
	{
		packets: []string{"class 255", "class 255 with OPT"},
		why:     "RFC 1035, section 4.1.1: a server may refuse a query for policy. CoreDNS refuses every class except IN, and QCLASS * includes others",
	},
	{
		packets: []string{"type 251", "type 252"},
		why:     "RFC 5936, section 2.2.1: a client that may not transfer the zone is REFUSED, even if the query is not a valid transfer (RFC 5936, section 4.2, RFC 1995, section 2)",
	},
	{
		packets: []string{"type 253", "type 254"},
		why:     "RFC 1035, section 3.2.3: MAILA and MAILB are QTYPEs for record types that the name does not have, so NODATA is correct (RFC 2308, section 2.2), like Knot",
	},
	{
		packets: []string{"subnet family 0/0"},
		why:     "RFC 7871, section 6: FAMILY 0 is reserved, and dig sends it for +subnet=0. BIND and Nearcast take it for SOURCE PREFIX-LENGTH 0",
	},
	{
		packets: []string{"opcode 4 with OPT"}, transport: tcp,
		why: "RFC 1035, section 4.1.1: an unsupported kind of query is answered NOTIMP, like gdnsd, which adds edns-tcp-keepalive (RFC 7828, section 3.3.2)",
	},
	{
		packets: []string{"subnet IPv4/24 with the scope 1", "subnet IPv4/24 with the scope 24", "subnet IPv6/56 with the scope 56"}, transport: tcp,
		why: "RFC 7871, section 6: SCOPE PREFIX-LENGTH must be 0 in queries. BIND and gdnsd answer FORMERR too, one without an OPT, one with edns-tcp-keepalive",
	},
	{
		packets: []string{"option 9 of *"}, transport: tcp,
		why: "RFC 7314, section 2: EXPIRE is for secondaries, and may be omitted in an answer; its data in a query must be ignored",
	},
	{
		packets: []string{"option 11 of *"}, transport: tcp,
		why: "RFC 7828, section 3.3.2: a server that does not send edns-tcp-keepalive does not announce how long it keeps the connection, like Knot",
	},
}
