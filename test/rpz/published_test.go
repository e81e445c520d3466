package rpz_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/plugin/rpz"
)

// list is a policy zone as published, or as it arrives.
type list struct {
	name, zone, text string
	// differs says why BIND refuses a list that Nearcast uses, or the reverse; "" if both
	// do the same.
	differs string
}

const (
	soaLine = "@ SOA localhost. root.localhost. 2026010101 43200 3600 259200 300\n"
	nsLine  = "  NS localhost.\n"
	listTop = "$TTL 300\n" + soaLine + nsLine
)

// rulesOf returns rules as in most lists: a name and the names below it.
func rulesOf(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, fmt.Sprintf("n%d.bad.test", i))
	}
	return b.String()
}

const (
	pair  = "%[1]s CNAME .\n*.%[1]s CNAME .\n"
	plain = "%s CNAME .\n"
)

// shapes are those of published lists, of the tools that make them, and of what goes
// wrong with both. Each stands for a kind: the names are invented.
func shapes() (all []list) {
	add := func(name, text, differs string) {
		all = append(all, list{name: name, zone: "list.rpz.example.", text: text, differs: differs})
	}
	rules := rulesOf(plain, 20)
	// Valid lists.
	add("name and wildcard", listTop+rulesOf(pair, 30), "")
	add("comments after rules", "; Title: a list\n;\n$TTL 300\n"+soaLine+nsLine+rulesOf("%s CNAME . ; Malware (2026-01-01), see https://list.example/?a=(b)\n", 20), "")
	add("SOA over lines", "$TTL 1h\n@ IN SOA localhost. root.localhost. (\n\t2026010101 ; serial\n\t1h ; refresh\n 10m\n 1w2d ; expire\n 60 )\n\tIN NS localhost.\n"+rules, "")
	add("a time as the serial", "$TTL 30\n@ SOA localhost. root.localhost. 1787419808 300 1800 604800 30\n"+nsLine+rules, "")
	add("its own $ORIGIN", "$ORIGIN list.rpz.example.\n"+listTop+rules, "")
	add("absolute names", "$TTL 60\nlist.rpz.example. IN SOA localhost. root.localhost. 1 2 3 4 5\nlist.rpz.example. IN NS localhost.\n"+rulesOf("%s.list.rpz.example. 60 IN CNAME .\n", 20), "")
	add("sinkhole addresses", listTop+rulesOf("%[1]s A 0.0.0.0\n%[1]s AAAA ::\n*.%[1]s 60 A 0.0.0.0\n", 20), "")
	add("a garden", listTop+rulesOf("%[1]s CNAME garden.gd.test.\n*.%[1]s CNAME *.garden.gd.test.\n", 20), "")
	add("all actions", listTop+"h1.w.test CNAME rpz-passthru.\nh2.w.test CNAME *.\nh3.w.test CNAME rpz-tcp-only.\n*.w.test CNAME .\n", "")
	add("addresses", listTop+"24.0.2.0.192.rpz-ip CNAME .\n32.1.100.51.198.rpz-ip CNAME *.\n48.zz.db8.2001.rpz-ip CNAME .\n8.0.0.0.9.rpz-client-ip CNAME .\n", "")
	add("no TTL at all", soaLine+nsLine+rules, "")
	add("$TTL after the SOA", soaLine+"$TTL 2h\n"+nsLine+rules, "")
	add("tabs and spaces", "$TTL\t300\n"+soaLine+"\t\tNS\tlocalhost.\n\n   \n\t\n"+rulesOf("%s\t\t60\tIN\tCNAME\t.   \n", 20), "")
	add("CRLF", strings.ReplaceAll(listTop+rules, "\n", "\r\n"), "")
	add("no final newline", strings.TrimSuffix(listTop+rules, "\n"), "")
	add("a generator", listTop+"$GENERATE 1-30 n$.bad.test CNAME .\n", "")
	add("upper case and escapes", listTop+"N1.BAD.Test cname .\nn\\050.bad.test CNAME .\n_dmarc.bad.test CNAME .\nn-.bad.test CNAME .\n", "")
	add("one rule twice", listTop+rules+rules, "")
	add("wildcards in the middle", listTop+"n1.*.bad.test CNAME .\n*.*.bad.test CNAME .\nn2*.bad.test CNAME .\n", "")
	add("an unknown type", listTop+rules+"x.bad.test TYPE65280 \\# 3 010203\n", "")
	add("a single label", listTop+"test CNAME .\n*.test CNAME .\n", "")
	add("other types at the apex", listTop+"@ TXT \"a list\" \"v1;2\"\n@ A 127.0.0.1\n"+rules, "")
	add("an IDN", listTop+"xn--bcher-kva.bad.test CNAME .\n"+rules, "")
	add("an IDN in UTF-8", listTop+"b\u00fccher.bad.test CNAME .\n"+rules, "")
	add("odd TTLs", "$TTL 1H30M\n"+soaLine+nsLine+"$TTL 2w\n"+rules+"$TTL 60 ; a minute\nn90.bad.test 1h A 192.0.2.1\n", "")
	add("URLs and ports", listTop+"http://n1.bad.test/ CNAME .\nn2.bad.test:80 CNAME .\nn3@bad.test CNAME .\n"+rules, "")
	add("punctuation in names", listTop+"o'reilly.bad.test CNAME .\nn4!.bad.test CNAME .\n"+rules, "")
	add("an SOA over lines that are not indented", "$TTL 300\n@ SOA localhost. root.localhost. (\n2026010101\n43200\n3600;retry\n259200\n300)\n"+nsLine+rules, "")
	add("one SOA twice", listTop+soaLine+rules, "")
	add("an SOA at the end", "$TTL 300\n"+rules+soaLine+nsLine, "")
	add("a line of 1 MB", listTop+"n90.bad.test"+strings.Repeat(" ", 1<<20)+"CNAME .\n"+rules, "")
	add("a rule over lines", listTop+"n90.bad.test ( ; why\n CNAME\n . )\n"+rules, "")
	add("a long comment", listTop+"; "+strings.Repeat("x", 1<<20)+"\n"+rules, "")
	add("only a head", listTop, "")
	// Lists with skipped lines.
	add("names outside the zone", listTop+rules+"n9.other.test. CNAME .\n$ORIGIN other.\nx CNAME .\n", "")
	add("an action without its trailing dot", listTop+"n1.bad.test CNAME rpz-passthru\nn2.bad.test CNAME rpz-drop\nn3.bad.test CNAME *\n*.bad.test CNAME .\n", "")
	add("misspelt addresses", listTop+"24.1.2.0.192.rpz-ip CNAME .\n024.0.2.0.192.rpz-ip CNAME .\n33.0.2.0.192.rpz-ip CNAME .\n256.2.0.192.rpz-ip CNAME .\n32.1.2.3.rpz-ip CNAME .\n24.0.100.51.198.rpz-ip CNAME .\n", "")
	// Invalid lists.
	add("a serial of 33 bits", "$TTL 60\n@ SOA localhost. root.localhost. 20260101120000 2 3 4 5\n"+nsLine+rules, "")
	add("no SOA", "$TTL 60\n"+rules, "")
	add("empty", "", "")
	add("an SOA of another zone", "$ORIGIN other.example.\n"+listTop+rules, "")
	add("two SOAs", listTop+rules+"@ SOA localhost. root.localhost. 2 2 3 4 5\n", "")
	add("cut after CNAME", listTop+rules+"n99.bad.test CNAME ", "")
	add("a TTL of 33 bits", listTop+rules+"n99.bad.test 4294967296 CNAME .\n", "")
	add("a TTL of 32 bits", listTop+rules+"n99.bad.test 3000000000 A 192.0.2.1\n", "")
	add("a label of 64 octets", listTop+rules+strings.Repeat("l", 64)+".test CNAME .\n", "")
	add("an empty label", listTop+rules+"n1..test CNAME .\n", "")
	add("a name of 300 octets", listTop+rules+strings.Repeat("label.", 50)+"test CNAME .\n", "")
	add("a bad address", listTop+rules+"n1.test A 192.0.2.999\n", "")
	add("nothing after CNAME", listTop+rules+"n99.bad.test CNAME\n", "")
	add("cut inside a name", listTop+rules+"n99.bad", "")
	add("an unknown mnemonic", listTop+rules+"n99.bad.test NONSENSE x\n", "")
	add("a hosts file", "127.0.0.1 localhost\n0.0.0.0 n1.bad.test\n0.0.0.0 n2.bad.test\n", "")
	add("a list of names", "n1.bad.test\nn2.bad.test\n", "")
	add("a web page", "<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n", "")
	add("gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00", "")
	add("class CH", listTop+rules+"n99.bad.test CH CNAME .\n", "")
	add("an open parenthesis", "$TTL 60\n@ SOA localhost. root.localhost. ( 1 2 3 4 5\n"+nsLine+rules, "")
	add("an open quote", listTop+rules+"n99.bad.test TXT \"open\n", "")
	// Lists that BIND and Nearcast treat differently.
	add("no NS", "$TTL 60\n"+soaLine+rules, "BIND refuses a zone without NS, which nobody queries in a policy zone")
	add("two actions for a name", listTop+rules+"n1.bad.test CNAME *.\n", "Nearcast skips one rule, BIND the whole zone")
	add("a CNAME and other data", listTop+rules+"n1.bad.test A 192.0.2.1\n", "Nearcast skips one rule, BIND the whole zone")
	add("$INCLUDE", listTop+"$INCLUDE more.zone\n"+rules, "a list must not name other files to read")
	add("a parenthesis before a name", listTop+rules+"( n1.bad.test CNAME . )\n", "")
	add("a name too long with the zone's", listTop+strings.Repeat(strings.Repeat("l", 49)+".", 4)+strings.Repeat("l", 45)+" CNAME .\n"+rules, "Nearcast skips one rule, BIND the whole zone")
	add("a quoted string over lines", listTop+"n98.bad.test TXT \"x\n"+rules+"n99.bad.test TXT y\"\n", "")
	add("an odd number of hex digits", listTop+rules+"n98.bad.test TLSA 3 1 1 abc\n", "")
	add("NULs at the end", listTop+rules+";"+strings.Repeat("x", 1<<10)+"\nn99.bad.test CNA"+strings.Repeat("\x00", 1<<10), "")
	add("a long generator", listTop+"$GENERATE 1-70000 n$.bad.test CNAME .\n", "the parser limits them to 65535 steps")
	add("NUL in a comment", listTop+"; a\x00b\n"+rules, "a file with NUL is not text")
	add("an SOA below the apex", listTop+rules+"n1.bad.test SOA a. b. 1 2 3 4 5\n", "Nearcast skips one rule, BIND the whole zone")
	add("a byte order mark", "\ufeff"+listTop+rules, "BIND reads the mark as part of $TTL")
	return all
}

// oddities are lists drawn from a seed: good lines of all shapes, and at most one bad
// line.
func oddities(seed uint64, n int) (all []list) {
	r := rand.New(rand.NewPCG(seed, 21))
	good := []string{"n%d.bad.test CNAME .\n", "*.n%d.bad.test\t60 IN CNAME . ; why\n", "n%d.bad.test 0 A 192.0.2.1\n", "N%d.Bad.Test CNAME *.\r\n", "\n; %d\n",
		"n%d.bad.test TXT ( \"a\"\n \"b\" )\n", "n%d.w.test CNAME rpz-passthru.\n", "32.%d.2.0.192.rpz-ip CNAME .\n", "$TTL %d\n"}
	odd := []string{"", "x.test. CNAME .\n", "x.bad.test CNAME rpz-drop\n", "x..test CNAME .\n", "x CNAME\n", "x A 1.2.3\n", "$TTL x\n", "$NOTHING 1\n", "x 4294967296 CNAME .\n", "x\tIN\n", "x CNAME . y\n", "x CNAME .\\\n"}
	for i := range n {
		var b strings.Builder
		b.WriteString(listTop)
		at := r.IntN(20)
		odds := odd[r.IntN(len(odd))]
		for j := range 20 {
			if j == at {
				b.WriteString(odds)
			}
			fmt.Fprintf(&b, good[r.IntN(len(good))], j)
		}
		all = append(all, list{name: fmt.Sprintf("drawn %d with %q", i, odds), zone: "list.rpz.example.", text: b.String()})
	}
	return all
}

// echo answers every query for an address: a-b-c-d.ip.test has a.b.c.d. The names of
// policy zones do not exist.
type echo struct{}

func (echo) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	q := m.Question[0]
	switch {
	case dns.IsSubDomain("rpz.example.", q.Name):
		m.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeA:
		a := net.IPv4(203, 0, 113, 200)
		if first, _, ok := strings.Cut(q.Name, ".ip.test."); ok {
			if parsed := net.ParseIP(strings.ReplaceAll(first, "-", ".")); parsed != nil {
				a = parsed
			}
		}
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: a}}
	}
	_ = w.WriteMsg(m) // the client tries again
}

func startEcho(t *testing.T) string {
	packets, listener := fixture.BothProtocols(t)
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: echo{}}, {Listener: listener, Handler: echo{}}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return packets.LocalAddr().String()
}

// TestPublishedListsAreUsedAsBINDUsesThem has the shapes, and some drawn at random.
func TestPublishedListsAreUsedAsBINDUsesThem(t *testing.T) {
	drawn := 60
	if testing.Short() {
		drawn = 20
	}
	publish(t, append(shapes(), oddities(21, drawn)...), 20)
}

// TestListsOfADirectory queries 200 names of each file in the directory NEARCAST_LISTS:
// published lists, which may not be redistributed here.
func TestListsOfADirectory(t *testing.T) {
	dir := os.Getenv("NEARCAST_LISTS")
	if dir == "" {
		t.Skip("NEARCAST_LISTS is not set to a directory of lists")
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []list
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		zone, err := rpz.ZoneName(filepath.Join(dir, f.Name()))
		if err != nil {
			zone = "list.rpz.example."
		}
		all = append(all, list{name: f.Name(), zone: zone, text: string(text)})
	}
	publish(t, all, 200)
}

// publish loads the lists in BIND and in Nearcast, each in its own view or block, and
// queries both for so many names of each.
func publish(t *testing.T, all []list, names int) {
	dir, up := t.TempDir(), startEcho(t)
	for i, l := range all {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(l.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fixture.Write(t, filepath.Join(dir, "more.zone"), "more.bad.test CNAME .\n")
	port, log := bindLists(t, dir, up, all)
	mine := ourLists(t, dir, up, all)
	for i, l := range all {
		refused := strings.Contains(log, fmt.Sprintf("zone %s/IN/v%d: not loaded due to errors", strings.TrimSuffix(l.zone, "."), i))
		z, err := rpz.ReadZone(filepath.Join(dir, fmt.Sprint(i)), l.zone)
		differences := 0
		if l.differs == "" {
			if (err != nil) != refused {
				t.Errorf("%s: refused by BIND: %v, by Nearcast: %v", l.name, refused, err)
			}
			for _, q := range asked(l, names) {
				q.client = netip.AddrFrom4([4]byte{127, byte(i / 250), byte(i % 250), 1})
				theirs := ask(q, net.JoinHostPort("127.0.0.1", port), startTime)
				q.client = loopback
				if ours := ask(q, net.JoinHostPort("127.0.0.1", mine[i]), startTime); !alike(l.zone, theirs, ours) {
					if differences++; differences <= 2 {
						t.Errorf("%s: %s\n BIND:     %s\n Nearcast: %s", l.name, q.name, theirs, ours)
					}
				}
			}
		} else if (err != nil) == refused {
			t.Errorf("%s: refused by BIND: %v, by Nearcast: %v; but %s", l.name, refused, err, l.differs)
		}
		t.Logf("%-40s refused by BIND: %-5v Nearcast: %6d rules, %d faults and doubts, %d of %d answers differ; %v %s", l.name, refused, z.Rules, len(z.Faults)+len(z.Doubts), differences, names, err, l.differs)
	}
}

// alike compares the replies. BIND serves the policy zone itself, and so knows that the
// target of a CNAME in it does not exist; Nearcast looks it up.
func alike(zone string, theirs, ours reply) bool {
	if theirs.String() == ours.String() {
		return true
	}
	if theirs.msg == nil || ours.msg == nil || len(theirs.msg.Answer) == 0 || len(ours.msg.Answer) == 0 {
		return false
	}
	to, ok := theirs.msg.Answer[0].(*dns.CNAME)
	return ok && dns.IsSubDomain(zone, to.Target) && dns.IsDuplicate(to, ours.msg.Answer[0]) && theirs.msg.Rcode == ours.msg.Rcode
}

// asked returns names of the list, names below and beside them, and addresses.
func asked(l list, n int) (all []question) {
	r := rand.New(rand.NewPCG(uint64(len(l.text)), 1))
	var owners []string
	for line := range strings.Lines(l.text) {
		owner, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		owner, _, _ = strings.Cut(owner, "\t")
		owner = strings.TrimPrefix(strings.TrimSuffix(strings.TrimSuffix(owner, "."), "."+strings.TrimSuffix(l.zone, ".")), "*.")
		if _, ok := dns.IsDomainName(owner); ok && rest != "" && owner != "" && owner != "@" && !strings.ContainsAny(owner, ";$()\"\\:<\x00") && !strings.Contains(line, "rpz-drop.") {
			owners = append(owners, owner)
		}
	}
	for i := range n {
		name := fmt.Sprintf("192-0-2-%d.ip.test", i)
		if len(owners) > 0 && i%10 != 9 {
			name = owners[r.IntN(len(owners))]
			if before, isIP := strings.CutSuffix(name, ".rpz-ip"); isIP {
				if labels := strings.Split(before, "."); len(labels) == 5 {
					name = fmt.Sprintf("%s-%s-%s-%s.ip.test", labels[4], labels[3], labels[2], labels[1])
				}
			}
		}
		switch i % 10 {
		case 7:
			name = "www." + name
		case 8:
			name = "x" + name
		}
		if _, ok := dns.IsDomainName(name); ok && len(name) < 240 && !dns.IsSubDomain(l.zone, dns.Fqdn(name)) {
			all = append(all, question{name: dns.Fqdn(name), qtype: dns.TypeA, rd: true})
		}
	}
	return all
}

// bindLists starts BIND with a view for each list, and returns its port and its log.
func bindLists(t *testing.T, dir, upstream string, all []list) (port, said string) {
	named := peers.Find(t, "named", "bind9")
	host, up, _ := net.SplitHostPort(upstream) // as it was printed
	port = freePort(t)
	var conf strings.Builder
	fmt.Fprintf(&conf, `options { directory %q; pid-file none; session-keyfile none; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; }; };
controls { };
logging { channel all { stderr; severity info; }; category default { all; }; };
`, dir, port)
	for i, l := range all {
		fmt.Fprintf(&conf, `view "v%d" {
	match-clients { 127.%d.%d.0/24; }; recursion yes; allow-query { any; }; allow-query-cache { any; }; allow-recursion { any; };
	forward only; forwarders { %s port %s; }; dnssec-validation no; qname-minimization off; empty-zones-enable no; max-cache-size 2m; minimal-responses yes;
	response-policy { zone %q; } min-update-interval 0;
	zone %q { type primary; file "%d"; check-names ignore; };
};
`, i, i/250, i%250, host, up, l.zone, l.zone, i)
	}
	path := filepath.Join(dir, "named.conf")
	fixture.Write(t, path, conf.String())
	log := fixture.Run(t, named.Command("-g", "-n", "2", "-c", path))
	eventually(t, "BIND has read the lists", 10*startTime, func() error {
		text := log.String()
		used, refused := strings.Count(text, "reload done: success"), strings.Count(text, "not loaded due to errors")
		if used+refused < len(all) || !strings.Contains(text, "all zones loaded") {
			return fmt.Errorf("%d of %d", used+refused, len(all))
		}
		return nil
	})
	return port, log.String()
}

// ourLists starts Nearcast with a block for each list, and returns their ports.
func ourLists(t *testing.T, dir, upstream string, all []list) (ports []string) {
	var corefile strings.Builder
	for i, l := range all {
		ports = append(ports, freePort(t))
		fmt.Fprintf(&corefile, ".:%s {\n\tbind 127.0.0.1\n\trpz {\n\t\tzone %s {\n\t\t\tfile %s/%d\n\t\t}\n\t\tservfail-until-ready no\n\t\tlog 0\n\t}\n\tforward . %s\n}\n", ports[i], l.zone, dir, i, upstream)
	}
	coredns.Serve(t, corefile.String())
	for _, port := range ports {
		eventually(t, "Nearcast answers", startTime, func() error {
			return ask(question{name: "ready.test.", qtype: dns.TypeA, rd: true, client: loopback}, net.JoinHostPort("127.0.0.1", port), time.Second).err
		})
	}
	return ports
}
