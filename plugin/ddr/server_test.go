package ddr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	// These plugins appear beside ddr in the tests' Corefiles.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/template"
	_ "github.com/coredns/coredns/plugin/tls"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) { coredns.Main(m) }

// server is a CoreDNS server; port 0 gives each network its own port.
type server struct{ udp, tcp string }

// at returns the address in a network.
func (s server) at(network string) string {
	if network == "udp" {
		return s.udp
	}
	return s.tcp
}

// serve starts the Corefile and returns its servers.
func serve(t *testing.T, corefile string) []server {
	t.Helper()
	var all []server
	for _, s := range coredns.Serve(t, corefile).Instance.Servers() {
		var one server
		if addr := s.LocalAddr(); addr != nil {
			one.udp = addr.String()
		}
		if addr := s.Addr(); addr != nil {
			one.tcp = addr.String()
		}
		all = append(all, one)
	}
	return all
}

// upstream is a resolver that designates another one, and answers everything else.
const upstream = `.:0 {
	bind LOOPBACK
	template IN SVCB . {
		answer "{{ .Name }} 300 IN SVCB 1 dns.elsewhere.example. alpn=h2 dohpath=/dns-query{?dns}"
	}
	template IN ANY . {
		answer "{{ .Name }} 60 IN TXT upstream"
	}
}`

// exchange queries over "udp" or "tcp".
func exchange(t *testing.T, network string, s server, name, qtype string) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, dns.StringToType[qtype]), s.at(network))
	if err != nil {
		t.Fatalf("%s %s: %v", name, qtype, err)
	}
	return reply
}

// text formats a reply as one line: its rcode, and the content of each section.
func text(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range m.Answer {
		parts = append(parts, "answer "+strings.Join(strings.Fields(rr.String()), " "))
	}
	for _, rr := range m.Ns {
		parts = append(parts, "authority "+dns.TypeToString[rr.Header().Rrtype]+" of "+rr.Header().Name)
	}
	for _, rr := range m.Extra {
		parts = append(parts, "beside "+strings.Join(strings.Fields(rr.String()), " "))
	}
	return strings.Join(parts, "; ")
}

const nodata = "NOERROR; authority SOA of resolver.arpa."

// TestNoQueryForResolverArpaIsForwarded queries names that would be forwarded without the
// guard and, as the control, similar names that must be forwarded.
func TestNoQueryForResolverArpaIsForwarded(t *testing.T) {
	up := serve(t, upstream)[0].udp
	addr := serve(t, ".:0 {\n bind LOOPBACK\n ddr\n cache\n forward . "+up+"\n}")[0]
	for _, network := range []string{"udp", "tcp"} {
		for _, name := range []string{"resolver.arpa.", "_dns.resolver.arpa.", "_DNS.Resolver.ARPA.", "a.b._dns.resolver.arpa.", "dns.resolver.arpa."} {
			for _, qtype := range []string{"A", "AAAA", "SVCB", "HTTPS", "TXT", "ANY", "DS", "DNSKEY", "CNAME", "PTR"} {
				m := exchange(t, network, addr, name, qtype)
				if got := text(m); got != nodata || !m.Authoritative || m.Question[0].Name != name {
					t.Errorf("%s %s %s: %s, want %s", network, name, qtype, m, nodata)
				}
			}
		}
	}
	for _, name := range []string{"arpa.", "resolver.arpa.example.", "xresolver.arpa.", `x\.resolver.arpa.`, "_dns.example.", "_dns.resolver.arpa.example."} {
		if got := text(exchange(t, "udp", addr, name, "SVCB")); !strings.Contains(got, "dns.elsewhere.example.") {
			t.Errorf("%s: got %s, want the forwarded answer", name, got)
		}
	}
	if got := text(exchange(t, "udp", addr, "resolver.arpa.", "SOA")); !strings.HasPrefix(got, "NOERROR; answer resolver.arpa. 300 IN SOA") {
		t.Error(got)
	}
	if got := text(exchange(t, "udp", addr, "resolver.arpa.", "NS")); got != "NOERROR; answer resolver.arpa. 300 IN NS resolver.arpa." {
		t.Error(got)
	}
}

// TestEveryBlockThatForwardsIsGuarded has blocks without a ddr line.
func TestEveryBlockThatForwardsIsGuarded(t *testing.T) {
	up := serve(t, upstream)[0].udp
	block := func(key, plugin string) string {
		return key + ":0 {\n bind LOOPBACK\n " + plugin + "\n forward . " + up + "\n}\n"
	}
	// The first block is guarded because of the second's line; the last is what the
	// operator wrote.
	for first, want := range map[string]string{".": nodata, "arpa": nodata, "Arpa": nodata, "resolver.arpa": "dns.elsewhere.example."} {
		addr := serve(t, strings.Replace(block(first, ""), "LOOPBACK", fixture.AnotherLoopback(), 1)+block("other.example", "ddr"))
		got := ""
		for _, a := range addr {
			if m := exchange(t, "udp", a, "_dns.resolver.arpa.", "SVCB"); m.Rcode == dns.RcodeSuccess {
				got = text(m)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %s", first, got, want)
		}
	}
	if got := text(exchange(t, "udp", serve(t, block(".", ""))[0], "_dns.resolver.arpa.", "SVCB")); !strings.Contains(got, "elsewhere") {
		t.Errorf("control: a Corefile without our plugins was refused or changed: %s", got)
	}
}

// TestADesignationIsAnsweredAsWritten covers every parameter.
func TestADesignationIsAnsweredAsWritten(t *testing.T) {
	up := serve(t, upstream)[0].udp
	addr := serve(t, `.:0 {
	bind LOOPBACK
	ddr {
		designate dns.carrier.example dot doq hint 192.0.2.53 2001:db8::53
		designate DNS.carrier.example h2 h3 port 8443 hint 192.0.2.53
		designate dns.other.example h2 dohpath /q{?x,dns} priority 9 elsewhere
		ttl 60
	}
	cache
	forward . `+up+`
}`)[0]
	records := func(owner string) string {
		return "NOERROR" +
			"; answer " + owner + ` 60 IN SVCB 1 dns.carrier.example. alpn="dot,doq" ipv4hint="192.0.2.53" ipv6hint="2001:db8::53"` +
			"; answer " + owner + ` 60 IN SVCB 2 dns.carrier.example. alpn="h2,h3" port="8443" ipv4hint="192.0.2.53" dohpath="/dns-query{?dns}"`
	}
	const glue = "; beside dns.carrier.example. 60 IN A 192.0.2.53; beside dns.carrier.example. 60 IN AAAA 2001:db8::53"
	other := `; answer _DNS.resolver.arpa. 60 IN SVCB 9 dns.other.example. alpn="h2" dohpath="/q{?x,dns}"`
	for name, want := range map[string]string{
		"_DNS.resolver.arpa.":       records("_DNS.resolver.arpa.") + other + glue,
		"_dns.dns.carrier.example.": records("_dns.dns.carrier.example.") + glue,
	} {
		if got := text(exchange(t, "udp", addr, name, "SVCB")); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
	for name, qtype := range map[string]string{"_dns.dns.other.example.": "SVCB", "_dns.dns.carrier.example.": "TXT", "dns.carrier.example.": "SVCB"} {
		if got := text(exchange(t, "udp", addr, name, qtype)); strings.Contains(got, "carrier.example. alpn") || got == nodata {
			t.Errorf("%s %s was answered here: %s", name, qtype, got)
		}
	}
	if got := text(exchange(t, "udp", addr, "_dns.resolver.arpa.", "A")); got != nodata {
		t.Error(got)
	}
}

// TestInvalidLinesAreRefused expects errors with the key, the line and the word.
func TestInvalidLinesAreRefused(t *testing.T) {
	for body, want := range map[string]string{
		"designate dns.example":                                "Corefile:3: designate: takes TARGET PROTOCOL",
		"designate . dot":                                      `"." is not the name of a resolver`,
		"designate 192.0.2.1 dot":                              `"192.0.2.1" is not the name of a resolver`,
		"designate _dns.Resolver.arpa dot":                     "is not the name of a resolver",
		"designate dns.example tls":                            `"tls" is neither a protocol (doq, dot, h2, h3) nor an option`,
		"designate dns.example dot dot":                        "dot is given twice",
		"designate dns.example port 853":                       "no protocol",
		"designate dns.example dot port 0":                     `port: "0" is not a number from 1 to 65535`,
		"designate dns.example dot port 65536":                 "is not a number from 1 to 65535",
		"designate dns.example dot priority 0":                 "priority: ",
		"designate dns.example dot port 1 port 2":              "port: is given twice",
		"designate dns.example dot dohpath /dns-query{?dns}":   "dohpath: applies only to h2 and h3",
		"designate dns.example h2 dohpath /dns-query":          "is not a path with the variable dns",
		"designate dns.example h2 dohpath https://x/dns{?dns}": "is not a path with the variable dns",
		"designate dns.example h2 dohpath":                     "takes a path",
		"designate dns.example dot hint":                       "hint: takes 1 to 8 addresses",
		"designate dns.example dot hint 192.0.2.1 port 853":    `"port" is not the address of a resolver; addresses come last`,
		"designate dns.example dot hint 192.0.2.1 192.0.2.1":   "is given twice",
		"designate dns.example dot hint ::ffff:192.0.2.1":      "is not the address",
		"ttl 0":                "Corefile:3: ttl: ",
		"ttl 5m":               "is not a number of seconds",
		"ttl 60\nttl 60":       "already set on line 3",
		"resolver dns.example": `unknown key "resolver"; known keys: designate, ttl`,
		strings.Repeat("designate dns.example dot\n", 9): "more than 8 designations",
		"designate dns.example dot {\nttl 5\n}":          `Corefile:3 - Error during parsing: designate: unexpected "{" after it`,
		"ttl 5\n{\ndesignate dns.example dot\n}":         "Corefile:4 - Error during parsing: unexpected {",
		"designate dns.example h2 dohpath /dns-query{":   `Corefile:3 - Error during parsing: "/dns-query{": a space is missing before the {`,
		"}\nddr {": "ddr is in this server block twice",
	} {
		_, err := coredns.Start(".:0 {\nddr {\n" + body + "\n}\n}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// TestReadmeIsTrue starts every Corefile of the README, and checks that it documents
// every key and metric.
func TestReadmeIsTrue(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, dir := string(data), t.TempDir()
	fixture.Certificate(t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), "dns.carrier.example")
	examples := 0
	for _, part := range strings.Split(readme, "~~~ corefile\n")[1:] {
		corefile, _, _ := strings.Cut(part, "~~~")
		corefile = strings.NewReplacer("/etc/nearcast", dir, "\n. {", "\n.:0 {\nbind LOOPBACK",
			"tls://. quic://. https://. https3://. {", "tls://.:0 quic://.:0 https://.:0 https3://.:0 {\nbind LOOPBACK").Replace("\n" + corefile)
		examples++
		serve(t, corefile)
	}
	if examples < 2 {
		t.Errorf("%d examples, want at least two", examples)
	}
	for key := range keys {
		if !strings.Contains(readme, "\n    "+key+" ") || !strings.Contains(readme, "\n* `"+key+"`") {
			t.Errorf("the README does not document the key %s in its syntax and its text", key)
		}
	}
	for option := range options {
		if !strings.Contains(readme, "["+option) || !strings.Contains(readme, "  * `"+option+"`") {
			t.Errorf("the README does not document the option %s in its syntax and its text", option)
		}
	}
	for _, metric := range []string{"ddr_answers_total", "certificate_not_after_timestamp_seconds", "certificate_loads_total"} {
		if !strings.Contains(readme, "`coredns_"+metric+"{") {
			t.Errorf("the README does not document the metric %s", metric)
		}
	}
}
