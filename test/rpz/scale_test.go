package rpz_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/test/usage"
)

// The million rules: half are names, half the names below them.
const (
	blockedNames = 500_000
	rounds       = 3
	perRound     = 100_000
	window       = 50
	askedNames   = 1000
)

func blocked(n int) string { return fmt.Sprintf("malware-%d.b%d.example.", n, n%1000) }

// millionRules writes the policy zone.
func millionRules(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "$TTL 300\n@ SOA ns.test. h.test. 1 3600 600 86400 60\n@ NS ns.test.\n")
	for n := range blockedNames {
		name := strings.TrimSuffix(blocked(n), ".")
		fmt.Fprintf(w, "%s CNAME .\n*.%s CNAME .\n", name, name)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// contender is a server under measurement.
type contender struct {
	name  string
	rules bool
	start func() *exec.Cmd
	port  string

	cmd  *exec.Cmd
	load time.Duration
	rss  int64 // MiB
	cpu  []float64
}

// TestAMillionRules measures in one run what a million rules cost in Nearcast, in BIND
// and in Unbound: loading, memory, and processor time of a query that matches none and is
// answered from the cache. The bounds are loose; the table is printed.
func TestAMillionRules(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes minutes")
	}
	named, unbound := peers.Find(t, "named", "bind9"), peers.Find(t, "unbound", "unbound")
	dir, up := t.TempDir(), generousUpstream(t)
	if err := fixture.Build(dir, "coredns"); err != nil {
		t.Fatal(err)
	}
	millionRules(t, filepath.Join(dir, "million"))
	var all []*contender
	for _, rules := range []bool{false, true} {
		all = append(all, coreDNSContender(t, dir, up, rules), bindContender(t, named, dir, up, rules), unboundContender(t, unbound, dir, up, rules))
	}
	for _, c := range all {
		c.begin(t)
	}
	names := make([][]byte, askedNames)
	for i := range names {
		names[i], _ = new(dns.Msg).SetQuestion(fmt.Sprintf("www%d.b%d.example.", i, i), dns.TypeA).Pack() // well formed
	}
	for _, c := range all {
		c.ask(t, names, 2*askedNames) // the caches are warm after that
		c.rss = resident(t, c.cmd.Process.Pid)
	}
	for range rounds {
		for _, c := range all {
			before := processorTime(t, c.cmd.Process.Pid)
			c.ask(t, names, perRound)
			c.cpu = append(c.cpu, float64((processorTime(t, c.cmd.Process.Pid)-before).Microseconds())/perRound)
		}
	}
	report(t, all)
}

func report(t *testing.T, all []*contender) {
	t.Helper()
	t.Logf("%-10s %-10s %10s %10s %14s", "server", "rules", "load", "RSS MiB", "CPU µs/query")
	by := map[string]*contender{}
	for _, c := range all {
		by[fmt.Sprint(c.name, c.rules)] = c
		t.Logf("%-10s %-10d %10s %10d %14.1f", c.name, map[bool]int{true: 2 * blockedNames}[c.rules], c.load.Round(10*time.Millisecond), c.rss, median(c.cpu))
	}
	costs := func(name string) float64 { return median(by[name+"true"].cpu) / median(by[name+"false"].cpu) }
	for _, name := range []string{"coredns", "named", "unbound"} {
		with, without := by[name+"true"], by[name+"false"]
		t.Logf("%-10s with rules: %.2f of the CPU without, %d MiB more (%d bytes a rule)", name, costs(name), with.rss-without.rss, (with.rss-without.rss)<<20/(2*blockedNames))
	}
	// A million rules do not fit into the processor's cache, which others use as well on
	// a busy machine: there BIND is the reference.
	mine, most := by["corednstrue"], max(1.3, costs("named"))
	if ratio := costs("coredns"); ratio > most {
		t.Errorf("a query costs %.2f times as much as without rules, want at most %.2f", ratio, most)
	}
	if theirs := by["namedtrue"]; mine.rss > 2*theirs.rss || mine.load > 3*theirs.load {
		t.Errorf("memory %d MiB and load %s are more than twice and three times BIND's", mine.rss, mine.load)
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// begin starts a contender and waits until it blocks the last name.
func (c *contender) begin(t *testing.T) {
	start := time.Now()
	c.cmd = c.start()
	fixture.Run(t, c.cmd)
	q := question{name: "www." + blocked(blockedNames-1), qtype: dns.TypeA, rd: true, client: netip.MustParseAddr("127.0.0.1")}
	want := dns.RcodeSuccess
	if c.rules {
		want = dns.RcodeNameError
	}
	eventually(t, c.name+" answers", 3*time.Minute, func() error {
		r := ask(q, net.JoinHostPort("127.0.0.1", c.port), time.Second)
		if r.msg == nil || r.msg.Rcode != want {
			return errors.New(r.String())
		}
		return nil
	})
	c.load = time.Since(start)
}

// ask sends n queries, with a window of queries in flight.
func (c *contender) ask(t *testing.T, names [][]byte, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range window {
		conn, err := net.Dial("udp", net.JoinHostPort("127.0.0.1", c.port))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close()
			buffer := make([]byte, 512)
			for i := range n / window {
				_, _ = conn.Write(names[(w*31+i)%len(names)]) // a lost query is noticed below
				_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
				if _, err := conn.Read(buffer); err != nil {
					t.Error(c.name, ": ", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// resident returns the resident memory of a process, in MiB.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// processorTime returns the CPU time of a process.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	used, err := usage.CPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// generousUpstream has an address, for an hour, for every name.
func generousUpstream(t *testing.T) string {
	port := freePort(t)
	ready := make(chan struct{})
	s := &dns.Server{Addr: net.JoinHostPort("127.0.0.1", port), Net: "udp", NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.RecursionAvailable = true
		if q := r.Question[0]; q.Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: net.IPv4(192, 0, 2, 1)}}
		}
		if opt := r.IsEdns0(); opt != nil {
			m.SetEdns0(1232, opt.Do())
		}
		_ = w.WriteMsg(m) // the client tries again
	})}
	go func() { _ = s.ListenAndServe() }() // the test fails below if it does
	<-ready
	t.Cleanup(func() { _ = s.Shutdown() }) // the test is over
	return port
}

func coreDNSContender(t *testing.T, dir, up string, rules bool) *contender {
	port, block := freePort(t), ""
	if rules {
		block = "\trpz {\n\t\tzone million.rpz {\n\t\t\tfile " + dir + "/million\n\t\t}\n\t}\n"
	}
	path := filepath.Join(dir, fmt.Sprint("Corefile.", rules))
	fixture.Write(t, path, fmt.Sprintf(".:%s {\n\tbind 127.0.0.1\n%s\tcache 3600\n\tforward . 127.0.0.1:%s\n}\n", port, block, up))
	return &contender{name: "coredns", rules: rules, port: port, start: func() *exec.Cmd { return exec.Command(filepath.Join(dir, "coredns"), "-conf", path) }}
}

func bindContender(t *testing.T, named peers.Program, dir, up string, rules bool) *contender {
	port, policy, zone := freePort(t), "", ""
	if rules {
		policy = `response-policy { zone "million.rpz" log no; };`
		zone = `zone "million.rpz" { type primary; file "million"; check-names ignore; };`
	}
	path := filepath.Join(dir, fmt.Sprint("named.conf.", rules))
	fixture.Write(t, path, fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; };
	recursion yes; forward only; forwarders port %s { 127.0.0.1; }; dnssec-validation no; qname-minimization off; empty-zones-enable no; minimal-responses yes;
	%s
};
controls { };
%s
`, dir, port, up, policy, zone))
	return &contender{name: "named", rules: rules, port: port, start: func() *exec.Cmd { return named.Command("-g", "-c", path) }}
}

func unboundContender(t *testing.T, unbound peers.Program, dir, up string, rules bool) *contender {
	port, zone := freePort(t), ""
	if rules {
		zone = "rpz:\n\tname: million.rpz.\n\tzonefile: million\n"
	}
	path := filepath.Join(dir, fmt.Sprint("unbound.conf.", rules))
	fixture.Write(t, path, fmt.Sprintf(`server:
	directory: %q
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	interface: 127.0.0.1
	port: %s
	module-config: "respip iterator"
	do-not-query-localhost: no
%sforward-zone:
	name: "."
	forward-addr: 127.0.0.1@%s
remote-control:
	control-enable: no
`, dir, port, zone, up))
	return &contender{name: "unbound", rules: rules, port: port, start: func() *exec.Cmd { return unbound.Command("-d", "-c", path) }}
}
