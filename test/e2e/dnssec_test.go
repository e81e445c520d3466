package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// signed starts CoreDNS with a zone signed on line, by nearcast itself or by the stock
// plugin, and returns its port and its key.
func signed(t *testing.T, stock bool) (port string, key *dns.DNSKEY) {
	t.Helper()
	dir := federation(t, records, fixture.Function{Name: "hello", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()})
	key = fixture.Key(t, dir, "key")
	port = freePort(t)
	plugin, sign := "", "sign DIR/key"
	if stock {
		plugin, sign = "dnssec {\n\t\tkey file DIR/key\n\t}", ""
	}
	coreDNS(t, strings.NewReplacer("PORT", port, "PLUGIN", strings.ReplaceAll(plugin, "DIR", dir), "SIGN", strings.ReplaceAll(sign, "DIR", dir), "DIR", dir).Replace(`fn.example.org:PORT {
	bind 127.0.0.1
	PLUGIN
	nearcast {
		SIGN
		cluster mk-core
		manifests DIR/manifests
		locations DIR/locations.csv
		ns ns1.fn.example.org 127.0.0.1
	}
}`), port)
	return port, key
}

// signedQuestions: name, type, what a validator must find: data, or the rcode.
var signedQuestions = [][3]string{
	{"fn.example.org", "SOA", "data"},
	{"fn.example.org", "DNSKEY", "data"},
	{"hello.demo.fn.example.org", "A", "data"},
	{"hello.demo.fn.example.org", "AAAA", "nodata"},
	{"hello.demo.fn.example.org", "HTTPS", "nodata"},
	{"web.fn.example.org", "A", "data"},
	{"web.fn.example.org", "AAAA", "nodata"}, // from mk-core; us-azure has one
	{"web.fn.example.org", "HTTPS", "data"},
	{"web.fn.example.org", "SVCB", "data"},
	{"web.fn.example.org", "TXT", "data"},
	{"web.fn.example.org", "SRV", "nodata"},
	{"_https._tcp.web.fn.example.org", "SRV", "data"},
	{"_tcp.web.fn.example.org", "A", "nodata"},
	{"any.apps.fn.example.org", "A", "data"}, // a wildcard
	{"any.apps.fn.example.org", "MX", "nodata"},
	{"apps.fn.example.org", "A", "nodata"},
	{"none.fn.example.org", "A", "nodata"}, // compact denial: NODATA stands for NXDOMAIN
	{"none.demo.fn.example.org", "TXT", "nodata"},
}

// TestDelvValidatesEveryAnswer gives delv the key as its trust anchor.
func TestDelvValidatesEveryAnswer(t *testing.T) {
	delv := peers.Find(t, "delv", "bind9-dnsutils")
	port, key := signed(t, false)
	anchor := filepath.Join(t.TempDir(), "anchor")
	fixture.Write(t, anchor, fmt.Sprintf("trust-anchors { fn.example.org. static-key %d %d %d %q; };\n", key.Flags, key.Protocol, key.Algorithm, key.PublicKey))
	for _, q := range signedQuestions {
		out, err := delv.Command("-a", anchor, "+root=fn.example.org", "@127.0.0.1", "-p", port, q[0], q[1]).CombinedOutput()
		text := string(out)
		good := strings.Contains(text, "; fully validated") && q[2] == "data" ||
			strings.Contains(text, "; negative response, fully validated") && q[2] == "nodata"
		if err != nil || !good || strings.Contains(text, "resolution failed: insecurity") {
			t.Errorf("delv %s %s, want %s: %v\n%s", q[0], q[1], q[2], err, text)
		}
	}
}

// resolver starts Unbound with its default settings, except the trust anchor, in front of
// the port, and returns a function that queries it.
func resolver(t *testing.T, upstream string, key *dns.DNSKEY) func(name, qtype string) *dns.Msg {
	unbound := peers.Find(t, "unbound", "unbound")
	port, dir := freePort(t), t.TempDir()
	conf := filepath.Join(dir, "unbound.conf")
	fixture.Write(t, conf, strings.NewReplacer("PORT", port, "DIR", dir, "UPSTREAM", upstream, "ANCHOR", strings.ReplaceAll(key.String(), "\t", " ")).Replace(`server:
	interface: 127.0.0.1@PORT
	directory: "DIR"
	chroot: ""
	username: ""
	pidfile: "DIR/pid"
	use-syslog: no
	do-daemonize: no
	do-not-query-localhost: no
	module-config: "validator iterator"
	trust-anchor: "ANCHOR"
remote-control:
	control-enable: no
stub-zone:
	name: "fn.example.org."
	stub-addr: 127.0.0.1@UPSTREAM
`))
	fixture.Run(t, unbound.Command("-d", "-c", conf))
	exchange := func(name, qtype string) (*dns.Msg, error) {
		m := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.StringToType[qtype])
		m.SetEdns0(1232, true)
		return dns.Exchange(m, "127.0.0.1:"+port)
	}
	eventually(t, "Unbound validates", slack, func() error {
		reply, err := exchange("fn.example.org", "SOA")
		if err == nil && !reply.AuthenticatedData {
			err = fmt.Errorf("got %s", reply)
		}
		return err
	})
	return func(name, qtype string) *dns.Msg {
		t.Helper()
		reply, err := exchange(name, qtype)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
}

// has reports whether the answer has data of the type.
func has(reply *dns.Msg, qtype string) bool {
	return slices.ContainsFunc(reply.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.StringToType[qtype] })
}

// TestUnboundValidatesEveryAnswer sends every question twice and in both orders: what one
// answer denies, Unbound's aggressive use of NSEC must not deny for the next (RFC 8198).
func TestUnboundValidatesEveryAnswer(t *testing.T) {
	port, key := signed(t, false)
	ask := resolver(t, port, key)
	questions := slices.Clone(signedQuestions)
	slices.Reverse(questions)
	for _, q := range append(questions, signedQuestions...) {
		reply := ask(q[0], q[1])
		if !reply.AuthenticatedData || reply.Rcode != dns.RcodeSuccess || has(reply, q[1]) != (q[2] == "data") {
			t.Errorf("%s %s through Unbound, want %s:\n%s", q[0], q[1], q[2], reply)
		}
	}
}

// TestTheStockPluginDeniesTypesThatItDoesNotKnow checks what the README warns of. If it fails,
// CoreDNS has fixed its bitmap, and the README can say so.
func TestTheStockPluginDeniesTypesThatItDoesNotKnow(t *testing.T) {
	for _, stock := range []bool{true, false} {
		port, key := signed(t, stock)
		ask := resolver(t, port, key)
		ask("web.fn.example.org", "AAAA") // NODATA from mk-core
		if got := has(ask("web.fn.example.org", "HTTPS"), "HTTPS"); got == stock {
			t.Errorf("stock plugin %v: an existing HTTPS record is seen after another type was denied: %v", stock, got)
		}
	}
}
