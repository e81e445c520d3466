package dnssec_test

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

// ask is one question; disabled asks resolvers not to validate the answer (CD).
type ask struct {
	name     string
	qtype    uint16
	disabled bool
}

func (a ask) String() string { return a.name + " " + dns.Type(a.qtype).String() }

func (a ask) query() *dns.Msg {
	m := new(dns.Msg).SetQuestion(a.name, a.qtype)
	m.SetEdns0(1232, true)
	m.CheckingDisabled = a.disabled
	return m
}

// exchange queries over UDP, and over TCP if the answer is truncated.
func exchange(t testing.TB, port string, a ask) *dns.Msg {
	t.Helper()
	client := dns.Client{Timeout: startTime}
	reply, _, err := client.Exchange(a.query(), loopback+":"+port)
	if err == nil && reply.Truncated {
		client.Net = "tcp"
		reply, _, err = client.Exchange(a.query(), loopback+":"+port)
	}
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	return reply
}

// kind classifies a reply to a query for the name and type.
func kind(reply *dns.Msg, a ask) string {
	switch {
	case reply.Rcode != dns.RcodeSuccess:
		return dns.RcodeToString[reply.Rcode]
	case slices.ContainsFunc(reply.Answer, func(rr dns.RR) bool {
		return strings.EqualFold(rr.Header().Name, reply.Question[0].Name) && (a.qtype == dns.TypeANY || rr.Header().Rrtype == a.qtype)
	}):
		return "data"
	}
	return "nodata"
}

// unbound starts Unbound with its default settings, except the trust anchor, in front of
// the port that serves the zone and those inside it, and returns its own port.
func unbound(t *testing.T, upstream string, key *dns.DNSKEY, inside ...string) string {
	t.Helper()
	program := peers.Find(t, "unbound", "unbound")
	port, dir := freePort(t), t.TempDir()
	conf := filepath.Join(dir, "unbound.conf")
	fixture.Write(t, conf, strings.NewReplacer("PORT", port, "DIR", dir, "ANCHOR", strings.ReplaceAll(key.String(), "\t", " ")).Replace(`server:
	interface: 127.0.0.1@PORT
	directory: "DIR"
	chroot: ""
	username: ""
	pidfile: "DIR/pid"
	use-syslog: no
	do-daemonize: no
	do-not-query-localhost: no
	val-log-level: 2
	harden-algo-downgrade: yes
	module-config: "validator iterator"
	trust-anchor: "ANCHOR"
remote-control:
	control-enable: no
`)+stubs(upstream, append(inside, origin)))
	fixture.Run(t, program.Command("-d", "-c", conf))
	eventually(t, "Unbound validates", func() error {
		reply, err := dns.Exchange(ask{origin, dns.TypeSOA, false}.query(), loopback+":"+port)
		if err == nil && !reply.AuthenticatedData {
			err = fmt.Errorf("got %s", reply)
		}
		return err
	})
	return port
}

// stubs returns the lines that direct Unbound to the zones at the port: it takes port 53
// for name servers.
func stubs(port string, zones []string) string {
	var b strings.Builder
	for _, zone := range zones {
		fmt.Fprintf(&b, "stub-zone:\n\tname: %q\n\tstub-addr: %s@%s\n", zone, loopback, port)
	}
	return b.String()
}

// delv returns a function that queries with delv, with the key as the trust anchor, and
// returns the verdict and the whole output.
func delv(t *testing.T, key *dns.DNSKEY) func(port string, a ask) (verdict, printed string) {
	t.Helper()
	program := peers.Find(t, "delv", "bind9-dnsutils")
	anchor := filepath.Join(t.TempDir(), "anchor")
	fixture.Write(t, anchor, fmt.Sprintf("trust-anchors { %s static-key %d %d %d %q; };\n", origin, key.Flags, key.Protocol, key.Algorithm, key.PublicKey))
	return func(port string, a ask) (verdict, printed string) {
		out, err := program.Command("-a", anchor, "+root="+origin, "@"+loopback, "-p", port, "-q", a.name, "-t", fmt.Sprintf("TYPE%d", a.qtype)).CombinedOutput()
		text := string(out)
		switch {
		case strings.Contains(text, "; negative response, fully validated"):
			return "nodata", text
		case strings.Contains(text, "; fully validated"):
			return "data", text
		case strings.Contains(text, "; unsigned answer"):
			return "unsigned data", text
		case strings.Contains(text, "; negative response, unsigned answer"):
			return "unsigned nodata", text
		}
		return "bogus", fmt.Sprintf("%v\n%s", err, text)
	}
}
