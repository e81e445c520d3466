package hostile

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// tempting returns functions whose answers are as long as a tenant can make them.
func tempting() []fixture.Document {
	var all []fixture.Document
	var clusters []string
	for i := range 40 {
		c := fixture.Cluster{Name: fmt.Sprintf("c%02d", i), Region: fmt.Sprintf("r%02d", i), Zone: "z", Address: fmt.Sprintf("192.0.2.%d", i+1)}
		all, clusters = append(all, c), append(clusters, c.Name)
	}
	var alpn []string
	for i := range 200 {
		alpn = append(alpn, fmt.Sprintf("%x", 256+i))
	}
	function := func(name string, annotations ...string) {
		all = append(all, fixture.Function{Name: name, Clusters: clusters, Annotations: fixture.Unprobed(annotations...)})
	}
	function("hello")
	function("txt", "nearcast.dev/txt", strings.TrimSpace(strings.Repeat(strings.Repeat("x", 500)+"\n", 16)))
	function("txt5", "nearcast.dev/txt", strings.TrimSpace(strings.Repeat(strings.Repeat("x", 440)+"\n", 5)))
	function("txt2", "nearcast.dev/txt", strings.TrimSpace(strings.Repeat(strings.Repeat("x", 440)+"\n", 2)))
	function("alpn", "nearcast.dev/alpn", strings.Join(alpn, ","))
	function("all", "nearcast.dev/policy", "spread")
	function("wild", "nearcast.dev/hostname", "*.wild.fn.example.org")
	return all
}

// amplifier is a server of the tempting functions; the lines come before nearcast, and
// the settings into it.
func amplifier(t *testing.T, lines, settings string) *world {
	t.Helper()
	w := newWorld(t, tempting()...)
	w.amplify(t, lines, settings)
	return w
}

// amplify starts the amplifier of a world with the tempting functions.
func (w *world) amplify(t *testing.T, lines, settings string) {
	t.Helper()
	fixture.Key(t, w.dir, "K")
	fixture.Write(t, filepath.Join(w.dir, "secrets"), cookieSecret+"\n")
	w.serve(t, `fn.example.org:{port} {
    bind {host}
    `+lines+`
    nearcast {
        cluster c00
        manifests {dir}/fed
        ns ns1.fn.example.org 198.51.100.53 2001:db8::53
        ns ns2.fn.example.org 198.51.100.54 2001:db8::54
        `+settings+`
    }
}`)
}

// strangers is a UDP socket at an address of its own, from which anybody is asked.
func strangers(t testing.TB, from string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(from, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// received sends a query and returns the datagram that answers it; nil where none comes.
func received(t testing.TB, conn net.PacketConn, to string, query *dns.Msg) (asked, answered []byte) {
	t.Helper()
	asked, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	addr := address(t, to)
	for range 10 {
		if _, err := conn.WriteTo(asked, addr); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second / 2))
		buf := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			if n > 2 && buf[0] == asked[0] && buf[1] == asked[1] {
				return asked, buf[:n]
			}
		}
	}
	return asked, nil
}

func address(t testing.TB, server string) *net.UDPAddr {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// amplified is the answer that is the longest for what was sent.
type amplified struct {
	ratio  float64
	octets int // of the longest
	what   string
}

func (a amplified) String() string { return fmt.Sprintf("%.1f times, %s", a.ratio, a.what) }

// most asks for all types of the names in all ways, and returns the largest ratio.
func most(t *testing.T, server string, types []uint16, check func(query string, reply *dns.Msg)) (all amplified) {
	t.Helper()
	conn := strangers(t, fixture.AnotherLoopback())
	for _, name := range []string{"hello.demo", "txt.demo", "txt5.demo", "txt2.demo", "alpn.demo", "all.demo", "x.wild", "nope", "ns1", "_http._tcp.hello.demo", "_443._https.alpn.demo", ""} {
		name = strings.TrimPrefix(name+".fn.example.org.", ".")
		for _, qtype := range types {
			for _, size := range []uint16{0, 512, 1232, 4096, 65535} {
				for _, form := range []string{"", "DO", "cookie", "DO cookie"} {
					if size == 0 && form != "" {
						continue
					}
					query := new(dns.Msg).SetQuestion(name, qtype)
					if size > 0 {
						query.SetEdns0(size, strings.HasPrefix(form, "DO"))
					}
					if strings.HasSuffix(form, "cookie") {
						query.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
					}
					asked, answered := received(t, conn, server, query)
					what := fmt.Sprintf("%s %s with %d octets %s: %d for %d", name, dns.Type(qtype), size, form, len(answered), len(asked))
					if ratio := float64(len(answered)) / float64(len(asked)); ratio > all.ratio {
						all.ratio, all.what = ratio, what
					}
					all.octets = max(all.octets, len(answered))
					reply := new(dns.Msg)
					if len(answered) == 0 || reply.Unpack(answered) != nil {
						t.Fatalf("%s: no answer", what)
					}
					check(what, reply)
				}
			}
		}
	}
	return all
}

// everyType is every type that has a name, but those of transfers.
func everyType() (all []uint16) {
	for qtype := range dns.TypeToString {
		switch qtype {
		case dns.TypeNone, dns.TypeReserved, dns.TypeAXFR, dns.TypeIXFR, dns.TypeOPT, dns.TypeTSIG:
		default:
			all = append(all, qtype)
		}
	}
	return all
}

// longTypes are those whose answers are the longest.
var longTypes = []uint16{dns.TypeA, dns.TypeTXT, dns.TypeHTTPS, dns.TypeNS, dns.TypeSOA, dns.TypeDNSKEY, dns.TypeANY, dns.TypeMX}

// TestAnswersOverUDPAreShort queries everything, and prints the ratios of other servers beside its own.
func TestAnswersOverUDPAreShort(t *testing.T) {
	types := everyType()
	if testing.Short() {
		types = longTypes
	}
	for _, how := range []string{"", "direct"} {
		for _, sign := range []string{"", "sign {dir}/K"} {
			t.Run(strings.TrimSuffix("chain "+how+" "+sign, " {dir}/K"), func(t *testing.T) {
				w := amplifier(t, how, sign)
				truncated := 0
				all := most(t, w.addr, types, func(query string, reply *dns.Msg) {
					if !reply.Truncated {
						return
					}
					truncated++
					if opt := reply.IsEdns0(); len(reply.Answer) > 0 || len(reply.Ns) > 0 || len(reply.Extra) > 1 || len(reply.Extra) == 1 && opt == nil || len(reply.Question) != 1 {
						t.Errorf("%s: truncated, but has records\n%s", query, reply)
					}
				})
				if all.octets > 1232 || truncated == 0 {
					t.Errorf("got an answer of %d octets, and %d truncated ones", all.octets, truncated)
				}
				t.Logf("nearcast %s %s: %s", how, sign, all)
			})
		}
	}
	t.Run("control", func(t *testing.T) {
		w := amplifier(t, "bufsize 4096", "")
		if all := most(t, w.addr, longTypes, func(string, *dns.Msg) {}); all.octets <= 1232 || all.octets > 4096 {
			t.Errorf("with bufsize 4096 the longest answer has %d octets: the queries would not amplify", all.octets)
		}
	})
	t.Run("BIND", func(t *testing.T) {
		all := most(t, named(t, ""), longTypes, func(string, *dns.Msg) {})
		t.Logf("BIND, unsigned, with its defaults: %s", all)
	})
	t.Run("Knot DNS", func(t *testing.T) {
		all := most(t, knotd(t, ""), longTypes, func(string, *dns.Msg) {})
		t.Logf("Knot DNS, unsigned, with its defaults: %s", all)
	})
	t.Run("gdnsd", func(t *testing.T) {
		all := most(t, gdnsd(t), longTypes, func(string, *dns.Msg) {})
		t.Logf("gdnsd, which does not sign, with its defaults: %s", all)
	})
}

func TestATruncatedAnswerIsCompleteOverTCP(t *testing.T) {
	for _, how := range []string{"", "direct"} {
		w := amplifier(t, how, "sign {dir}/K")
		query := new(dns.Msg).SetQuestion("txt.demo.fn.example.org.", dns.TypeTXT)
		query.SetEdns0(4096, true)
		reply, _, err := (&dns.Client{Net: "tcp"}).Exchange(query, w.addr)
		if err != nil || reply.Truncated || reply.Len() < 8000 {
			t.Errorf("%q: %v\n%.200s", how, err, reply)
		}
	}
}

// file is the tempting functions as a zone of others.
func file() string {
	var b strings.Builder
	b.WriteString("$ORIGIN fn.example.org.\n$TTL 30\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\n@ NS ns2\n")
	for i := range 2 {
		fmt.Fprintf(&b, "ns%d A 198.51.100.5%d\nns%d AAAA 2001:db8::5%d\n", i+1, i+3, i+1, i+3)
	}
	b.WriteString("hello.demo A 192.0.2.1\n*.wild A 192.0.2.1\n")
	for i := range 40 {
		fmt.Fprintf(&b, "all.demo A 192.0.2.%d\n", i+1)
	}
	for i := range 16 {
		text := strings.Repeat("x", 240)
		fmt.Fprintf(&b, "txt.demo TXT %q %q\n", text, fmt.Sprint(text, i))
		for _, few := range []int{2, 5} {
			if i < few {
				fmt.Fprintf(&b, "txt%d.demo TXT %q %q\n", few, text[:220], fmt.Sprint(text[:200], i))
			}
		}
	}
	return b.String()
}

const cookieSecret = "e5e973e5a6b2a43f48e7dc849e37bfcf"

// named starts BIND with the zone, and returns its address.
func named(t *testing.T, options string) string {
	t.Helper()
	program := peers.Find(t, "named", "bind9")
	dir, host := t.TempDir(), "127.0.0.1" // BIND listens where an interface has the address
	port := fixture.FreePort(t, host)
	fixture.Write(t, filepath.Join(dir, "zone"), file())
	fixture.Write(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; listen-on port %d { %s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; %s
};
controls { };
zone "fn.example.org" { type primary; file "zone"; };
`, dir, port, host, options))
	return peer(t, program.Command("-g", "-n", "1", "-c", filepath.Join(dir, "named.conf")), net.JoinHostPort(host, fmt.Sprint(port)))
}

// knotd starts Knot DNS with the zone, and returns its address.
func knotd(t *testing.T, cookies string) string {
	t.Helper()
	host := fixture.AnotherLoopback()
	addr := net.JoinHostPort(host, fmt.Sprint(fixture.FreePort(t, host)))
	if cookies == "" {
		return knotdAt(t, addr, "", "")
	}
	return knotdAt(t, addr, "mod-cookies/default", "mod-cookies:\n  - id: default\n    "+cookies+"\n")
}

// knotdAt starts Knot DNS at the address with modules, which the sections configure.
func knotdAt(t *testing.T, addr, modules, sections string) string {
	t.Helper()
	program := peers.Find(t, "knotd", "knot")
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	fixture.Write(t, filepath.Join(dir, "zone"), file())
	if modules != "" {
		modules = "    global-module: [" + modules + "]\n"
	}
	fixture.Write(t, filepath.Join(dir, "knot.conf"), fmt.Sprintf(`server:
    rundir: %[1]q
    listen: %[2]s@%[3]s
database:
    storage: %[1]q
%[4]stemplate:
  - id: default
    storage: %[1]q
    zonefile-sync: -1
    journal-content: none
%[5]szone:
  - domain: fn.example.org
    file: zone
`, dir, host, port, sections, modules))
	return peer(t, program.Command("-c", filepath.Join(dir, "knot.conf")), addr)
}

// gdnsd starts gdnsd with the zone, and returns its address.
func gdnsd(t *testing.T) string {
	t.Helper()
	program := peers.Find(t, "gdnsd", "gdnsd")
	dir, host := t.TempDir(), fixture.AnotherLoopback()
	port := fixture.FreePort(t, host)
	if err := os.Mkdir(filepath.Join(dir, "zones"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "zones", "fn.example.org"), file())
	fixture.Write(t, filepath.Join(dir, "config"), fmt.Sprintf("options => {\n listen => [%[1]s:%[2]d]\n run_dir => %[3]q\n state_dir => %[3]q\n}\n", host, port, dir))
	return peer(t, program.Command("-c", dir, "start"), net.JoinHostPort(host, fmt.Sprint(port)))
}

// peer starts another project's server, and waits until it answers at the address.
func peer(t *testing.T, cmd *exec.Cmd, addr string) string {
	t.Helper()
	fixture.Run(t, cmd)
	eventually(t, "it answers", func() error {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion("fn.example.org.", dns.TypeSOA), addr)
		if err == nil && len(reply.Answer) == 0 {
			err = errors.New(dns.RcodeToString[reply.Rcode])
		}
		return err
	})
	return addr
}
