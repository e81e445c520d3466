package rpz_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	// The plugins of Nearcast's Corefile.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/forward"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	_ "github.com/nearcast/nearcast/plugin/rpz"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// startTime is how long a program may take to start on a loaded machine.
const startTime = 60 * time.Second

// zoneFiles writes the policy zones of all setups below dir.
func zoneFiles(t testing.TB, dir string, setups []setup) {
	t.Helper()
	for _, s := range setups {
		folder := filepath.Join(dir, fmt.Sprint(s.number))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, z := range s.zones {
			fixture.Write(t, filepath.Join(folder, z.name+"zone"), z.file())
		}
	}
}

// bind starts BIND with a view for each setup, distinguished by the client's address.
func bind(t testing.TB, dir, upstream string, setups []setup) string {
	t.Helper()
	port, _ := bindLogging(t, dir, upstream, setups)
	return port
}

// bindLogging is bind, and also returns BIND's log.
func bindLogging(t testing.TB, dir, upstream string, setups []setup) (string, *fixture.Output) {
	t.Helper()
	named := peers.Find(t, "named", "bind9")
	port := freePort(t)
	var conf strings.Builder
	hits := ""
	if slices.ContainsFunc(setups, func(s setup) bool { return s.logs }) {
		hits = " category rpz { ready; };"
	}
	// Many questions from one client must not be taken for an attack.
	fmt.Fprintf(&conf, `options {
	directory %q; pid-file none; session-keyfile none; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; };
	recursive-clients 10000; clients-per-query 0; max-clients-per-query 0; tcp-clients 1000;
};
controls { };
logging { category default { stderr; }; channel stderr { stderr; severity notice; }; channel ready { stderr; severity info; }; category general { ready; };%s };
`, dir, port, hits)
	for _, s := range setups {
		fmt.Fprintf(&conf, `view "v%[1]d" {
	match-clients { 127.%[1]d.0.0/16; };
	recursion yes; allow-query { any; }; allow-query-cache { any; }; allow-recursion { any; };
	forward only; forwarders port %[2]s { 127.0.0.1; };
	dnssec-validation no; qname-minimization off; empty-zones-enable no; minimal-responses yes; servfail-ttl 0; max-cache-size 8m;
%[3]s%[4]s};
`, s.number, upstream, bindPolicies(s), bindZones(s))
	}
	path := filepath.Join(dir, "named.conf."+port)
	fixture.Write(t, path, conf.String())
	log := fixture.Run(t, named.Command("-g", "-n", "1", "-c", path))
	zones := 0
	for _, s := range setups {
		zones += len(s.zones)
	}
	eventually(t, "BIND has the rules", startTime, func() error {
		text := log.String()
		if strings.Contains(text, "not loaded due to errors") {
			t.Fatalf("BIND refuses a zone:\n%s", text)
		}
		if n := strings.Count(text, "reload done: success"); n < zones || !strings.Contains(text, " running") {
			return fmt.Errorf("%d of %d zones", n, zones)
		}
		return nil
	})
	for _, s := range setups {
		if s.delegation {
			prime(t, port, s)
		}
	}
	return port, log
}

// prime puts the root's name servers into the cache of a view. Without a name server in
// it, BIND does not look for others, and knows none that rules could match.
func prime(t testing.TB, port string, s setup) {
	t.Helper()
	q := question{name: ".", qtype: dns.TypeNS, rd: true, do: true, client: netip.AddrFrom4([4]byte{127, byte(s.number), 255, 254})}
	if r := ask(q, net.JoinHostPort("127.0.0.1", port), silence); r.err != nil {
		t.Fatal(r.err)
	}
}

func bindPolicies(s setup) string {
	if len(s.zones) == 0 {
		return ""
	}
	var b strings.Builder
	for _, z := range s.zones {
		fmt.Fprintf(&b, " zone %q policy %s %s;", z.name, z.policy, strings.Join(z.own.lines(""), " "))
	}
	return fmt.Sprintf("\tresponse-policy {%s }\n\t\tmin-ns-dots %d qname-wait-recurse %s recursive-only %s break-dnssec %s add-soa %s max-policy-ttl %d;\n",
		b.String(), s.minDots, yes(s.waitRecurse), yes(s.recursiveOnly), yes(s.breakDNSSEC), yes(s.addSOA), s.maxTTL)
}

func bindZones(s setup) string {
	var b strings.Builder
	for _, z := range s.zones {
		fmt.Fprintf(&b, "\tzone %q { type primary; file \"%d/%szone\"; check-names ignore; };\n", z.name, s.number, z.name)
	}
	return b.String()
}

// ours starts CoreDNS with a server block for each setup, and returns their ports.
func ours(t testing.TB, dir, upstream string, setups []setup) map[int]string {
	t.Helper()
	ports := map[int]string{}
	var corefile strings.Builder
	for _, s := range setups {
		ports[s.number] = freePort(t)
		fmt.Fprintf(&corefile, ".:%s {\n\tbind 127.0.0.1\n\trpz {\n", ports[s.number])
		for _, z := range s.zones {
			fmt.Fprintf(&corefile, "\t\tzone %s {\n\t\t\tfile %s/%d/%szone\n\t\t\tpolicy %s\n\t\t\t%s\n\t\t}\n", z.name, dir, s.number, z.name, z.policy, strings.Join(z.own.lines("s"), "\n\t\t\t"))
		}
		fmt.Fprintf(&corefile, "\t\trecursive-only %s\n\t\tbreak-dnssec %s\n\t\tadd-soa %s\n\t\tmax-policy-ttl %ds\n\t\tqname-wait-recurse %s\n\t\tdelegation %s\n\t\tlog %d\n",
			yes(s.recursiveOnly), yes(s.breakDNSSEC), yes(s.addSOA), s.maxTTL, yes(s.waitRecurse), map[bool]string{true: "on", false: "off"}[s.delegation], map[bool]int{true: 1000}[s.logs])
		if s.delegation { // Nearcast's default is servfail, which BIND lacks
			fmt.Fprintf(&corefile, "\t\tnsip-wait-recurse yes\n\t\tnsdname-wait-recurse yes\n\t\tmin-ns-dots %d\n", s.minDots)
		}
		corefile.WriteString("\t}\n")
		fmt.Fprintf(&corefile, "\tforward . 127.0.0.1:%s\n}\n", upstream)
	}
	coredns.Serve(t, corefile.String())
	for _, port := range ports {
		eventually(t, "Nearcast is ready", startTime, func() error {
			r := ask(question{name: "ns.test.", qtype: dns.TypeTXT, rd: true, edns: true, client: loopback}, net.JoinHostPort("127.0.0.1", port), silence)
			if r.msg != nil && strings.Contains(r.msg.String(), "(Not Ready)") {
				return errors.New("its zones are not loaded")
			}
			return r.err
		})
	}
	return ports
}
