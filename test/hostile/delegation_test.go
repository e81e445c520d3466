package hostile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// hierarchy is the upstream of a resolver. Each name is a zone with 13 name servers of its
// own, as an attacker's server may answer; what is below bad.example has the one that the
// policy blocks; and look-ups for which silent says so are not answered.
type hierarchy struct {
	addr   string
	silent func(name string, qtype uint16) bool
	asked  atomic.Int64
	mu     sync.Mutex
	names  map[string]int // how often the name servers of a name were asked for
}

func newHierarchy(t *testing.T, silent func(string, uint16) bool) *hierarchy {
	t.Helper()
	h := &hierarchy{silent: silent, names: map[string]int{}}
	host := fixture.AnotherLoopback()
	// Between the choice of a port and its use, another program may use it for a query.
	for try := 1; ; try++ {
		h.addr = net.JoinHostPort(host, fmt.Sprint(fixture.FreePort(t, host)))
		err := h.serve(t)
		if err == nil {
			return h
		}
		if try == 10 {
			t.Fatal(err)
		}
	}
}

// serve listens for both transports.
func (h *hierarchy) serve(t *testing.T) error {
	listener, err := net.Listen("tcp", h.addr)
	if err != nil {
		return err
	}
	packets, err := net.ListenPacket("udp", h.addr)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	for _, s := range []*dns.Server{{Listener: listener, Handler: h}, {PacketConn: packets, Handler: h}} {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { _ = s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return nil
}

func (h *hierarchy) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	q := r.Question[0]
	name := strings.ToLower(q.Name)
	h.asked.Add(1)
	if q.Qtype == dns.TypeNS {
		h.mu.Lock()
		h.names[name]++
		h.mu.Unlock()
	}
	if h.silent != nil && h.silent(name, q.Qtype) {
		return
	}
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable, m.Compress = true, true
	add := func(text string) {
		if rr, err := dns.NewRR(fmt.Sprintf("%s 300 IN %s", q.Name, text)); err == nil {
			m.Answer = append(m.Answer, rr)
		}
	}
	switch {
	case q.Qtype == dns.TypeNS && dns.IsSubDomain("bad.example.", name):
		add("NS ns.bad.example.")
	case q.Qtype == dns.TypeNS:
		for i := range 13 {
			add(fmt.Sprintf("NS ns%d.%s", i, name)) // none where that is too long
		}
	case q.Qtype == dns.TypeA && name == "ns.bad.example.":
		add("A 203.0.113.66")
	case q.Qtype == dns.TypeA:
		add("A 198.18.0.1")
	case q.Qtype == dns.TypeAAAA && name == "ns.bad.example.":
		add("AAAA 2001:db8:bad::1")
	case q.Qtype == dns.TypeAAAA:
		add("AAAA 2001:db8::1")
	}
	_ = w.WriteMsg(m)
}

// nameServers returns how often the name servers of the name were asked for.
func (h *hierarchy) nameServers(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.names[name]
}

// settle waits until there has been no query for a while, and returns the number of queries.
func (h *hierarchy) settle() int64 {
	for {
		n := h.asked.Load()
		time.Sleep(200 * time.Millisecond)
		if h.asked.Load() == n {
			return n
		}
	}
}

// policed starts a resolver of which policy blocks the name server of bad.example by the
// rules.
func policed(t *testing.T, h *hierarchy, rules string) *world {
	t.Helper()
	w := newWorld(t)
	fixture.Write(t, filepath.Join(w.dir, "p.rpz"), "$TTL 60\n@ SOA ns. h. 1 60 60 60 60\n@ NS localhost.\n"+rules)
	w.serve(t, `.:{port} {
    bind {host}
    rpz {
        zone p.rpz {
            file {dir}/p.rpz
        }
        delegation on
    }
    forward . `+h.addr+`
}`)
	eventually(t, "policy is loaded", func() error {
		if r := w.from(t, "127.0.0.1", "udp", "www.bad.example."); r != dns.RcodeNameError {
			return fmt.Errorf("rcode %d", r)
		}
		return nil
	})
	return w
}

// noReply stands for the rcode of what was not answered.
const noReply = -1

// from asks for A from an address, and returns the rcode.
func (w *world) from(t *testing.T, address, network, name string) int {
	t.Helper()
	var local net.Addr = &net.UDPAddr{IP: net.ParseIP(address)}
	if network == "tcp" {
		local = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	client := dns.Client{Net: network, Timeout: slack, Dialer: &net.Dialer{LocalAddr: local}}
	query := new(dns.Msg).SetQuestion(name, dns.TypeA)
	query.SetEdns0(1232, false)
	reply, _, err := client.Exchange(query, w.addr)
	if err != nil {
		return noReply
	}
	return reply.Rcode
}

// blocking are rules of which each blocks bad.example alone.
var blocking = map[string]string{
	"nsip":    "32.66.113.0.203.rpz-nsip CNAME .\n",
	"nsip6":   "128.1.zz.bad.db8.2001.rpz-nsip CNAME .\n",
	"nsdname": "ns.bad.example.rpz-nsdname CNAME .\n",
}

// mostUpstream is how many queries one of a client may cause: its look-ups and itself.
const mostUpstream = 64 + 1

func TestOneQueryCausesABoundedNumberOfUpstreamQueries(t *testing.T) {
	h := newHierarchy(t, nil)
	w := policed(t, h, blocking["nsip"]+blocking["nsip6"]+blocking["nsdname"])
	for _, network := range []string{"udp", "tcp"} {
		for _, labels := range []int{1, 4, 10, 40, 110} {
			var name strings.Builder
			for range labels {
				name.WriteByte(byte('a' + rand.N(26)))
				name.WriteByte('.')
			}
			before := h.settle()
			rcode := w.from(t, "127.0.0.1", network, name.String()+"q.example.")
			caused := h.settle() - before
			if caused < 2 || caused > mostUpstream || rcode == noReply {
				t.Errorf("over %s, %d labels: got rcode %d, %d queries to the upstream", network, labels, rcode, caused)
			}
		}
	}
}

// TestUnresponsiveServersCauseNoFurtherQueries has one client ask for names whose look-ups wait,
// and looks whether a blocked name passes meanwhile.
func TestUnresponsiveServersCauseNoFurtherQueries(t *testing.T) {
	for attack, silent := range map[string]func(string, uint16) bool{
		"a zone": func(name string, qtype uint16) bool {
			return qtype == dns.TypeNS && dns.IsSubDomain("slow.example.", name)
		},
		"each name of a zone": func(name string, qtype uint16) bool {
			return qtype == dns.TypeNS && strings.HasSuffix(name, ".slow.example.")
		},
		"each name server": func(name string, _ uint16) bool {
			return strings.HasPrefix(name, "ns") && strings.HasSuffix(name, ".slow.example.")
		},
	} {
		for trigger, rule := range blocking {
			if testing.Short() && trigger != "nsip" {
				continue
			}
			t.Run(attack+", "+trigger, func(t *testing.T) {
				if attack == "each name server" && trigger == "nsdname" {
					t.Skip("the addresses of name servers are not looked up for nsdname rules")
				}
				t.Parallel()
				holdOut(t, newHierarchy(t, silent), rule)
			})
		}
	}
}

func holdOut(t *testing.T, h *hierarchy, rule string) {
	w := policed(t, h, rule)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for client := range 10 {
		clients.Go(func() { flood(w.addr, client, stop) })
	}
	defer clients.Wait()
	defer close(stop)
	time.Sleep(time.Second)
	// The control: the attack's look-ups wait, and then fail.
	if got := w.from(t, "127.0.0.1", "udp", "www.slow.example."); got != dns.RcodeServerFailure {
		t.Errorf("a failed look-up: got rcode %d", got)
	}
	for i := range 4 {
		if got := w.from(t, "127.0.0.1", "udp", fmt.Sprintf("w.x%d.bad.example.", i)); got != dns.RcodeNameError && got != dns.RcodeServerFailure {
			t.Errorf("a blocked name for the attacker's prefix: got rcode %d", got)
		}
		for _, network := range []string{"udp", "tcp"} {
			if got := w.from(t, "127.77.0.1", network, fmt.Sprintf("%s.y%d.bad.example.", network, i)); got != dns.RcodeNameError {
				t.Errorf("a blocked name for others: got rcode %d over %s", got, network)
			}
			if got := w.from(t, "127.77.0.1", network, fmt.Sprintf("www.%s%d.example.", network, i)); got != dns.RcodeSuccess {
				t.Errorf("an allowed name for others: got rcode %d over %s", got, network)
			}
		}
	}
}

// flood asks ten times a second for names below slow.example.
func flood(addr string, client int, stop <-chan struct{}) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	for i := 0; ; i++ {
		packet, err := new(dns.Msg).SetQuestion(fmt.Sprintf("a%d-%d.slow.example.", client, i), dns.TypeA).Pack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write(packet)
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func TestRandomNamesEvictNoDelegation(t *testing.T) {
	h := newHierarchy(t, nil)
	w := policed(t, h, blocking["nsdname"])
	const victim, made = "www.bank.example.", 12_000
	w.from(t, "127.77.0.1", "udp", victim)
	before := h.nameServers(victim)
	var clients sync.WaitGroup
	for client := range 20 {
		clients.Go(func() {
			for i := range made / 20 {
				w.from(t, "127.0.0.1", "udp", fmt.Sprintf("x%d-%d.evil.example.", client, i))
			}
		})
	}
	clients.Wait()
	w.from(t, "127.77.0.1", "udp", victim)
	if got := h.nameServers(victim); before != 1 || got != before {
		t.Errorf("the name servers of %s were queried %d times, %d times before", victim, got, before)
	}
	// The control: the names were looked up, more of them than are remembered.
	first := "x0-0.evil.example."
	w.from(t, "127.0.0.1", "udp", first)
	if got := h.nameServers(first); got != 2 {
		t.Errorf("the name servers of %s were queried %d times", first, got)
	}
}
