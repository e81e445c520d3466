package rpz

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tap "github.com/dnstap/golang-dnstap"
	"github.com/miekg/dns"
	"google.golang.org/protobuf/proto"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// upstream answers for all names: 192.0.2.N to the Nth question, and counts.
type upstream struct {
	addr  string
	asked atomic.Int64
	// answer changes the reply, if it is set.
	answer func(*dns.Msg)
}

func startUpstream(t testing.TB, answer func(*dns.Msg)) *upstream {
	t.Helper()
	u := &upstream{answer: answer}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = packets.LocalAddr().String()
	s := &dns.Server{PacketConn: packets, Handler: u}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = s.Shutdown() })
	return u
}

func (u *upstream) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	n := u.asked.Add(1)
	if r.Question[0].Qtype == dns.TypeA {
		rr, _ := dns.NewRR(fmt.Sprintf("%s 300 IN A 192.0.2.%d", r.Question[0].Name, n))
		m.Answer = []dns.RR{rr}
	}
	if u.answer != nil {
		u.answer(m)
	}
	_ = w.WriteMsg(m)
}

// forwarding is a server with rules, a cache and the upstream.
func forwarding(t testing.TB, u *upstream, settings, zone, records string) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rpz1")
	fixture.Write(t, path, withSOA(records))
	return serve(t, fmt.Sprintf(".:0 {\nbind LOOPBACK\nmetadata\nrpz {\n%s\nzone rpz1 {\nfile %s\n%s\n}\n}\ncache\nforward . %s\n}", settings, path, zone, u.addr))
}

func TestTheCacheHoldsTheTruth(t *testing.T) {
	u := startUpstream(t, nil)
	s := forwarding(t, u, "", "clients 127.0.0.5", "blocked.example CNAME .\n")
	blocked := dns.Client{Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 5)}}, Timeout: 2 * time.Second}
	for range 2 {
		reply, _, err := blocked.Exchange(question("blocked.example.", dns.TypeA), s.UDP)
		if err != nil || reply.Rcode != dns.RcodeNameError {
			t.Fatalf("%v, %v", reply, err)
		}
		if got := s.exchange(question("blocked.example.", dns.TypeA), "udp"); len(got.Answer) != 1 || !strings.HasSuffix(got.Answer[0].String(), "192.0.2.1") {
			t.Fatalf("another client: %s", got)
		}
	}
	if n := u.asked.Load(); n != 1 {
		t.Errorf("the upstream got %d queries", n)
	}
}

func TestARuleThatNeedsNoAnswerIsAppliedAtOnce(t *testing.T) {
	u := startUpstream(t, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure })
	s := forwarding(t, u, "qname-wait-recurse no", "", "blocked.example CNAME .\n")
	if got := s.exchange(question("blocked.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeNameError || u.asked.Load() != 0 {
		t.Errorf("%d queries for %s", u.asked.Load(), got)
	}
	waiting := forwarding(t, u, "", "", "blocked.example CNAME .\n")
	if got := waiting.exchange(question("blocked.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("a failed reply was rewritten: %s", got)
	}
}

func TestSignedAnswersAreLeftAlone(t *testing.T) {
	u := startUpstream(t, func(m *dns.Msg) {
		if opt := m.Question[0]; opt.Qtype == dns.TypeA {
			sig, _ := dns.NewRR(m.Question[0].Name + " 300 IN RRSIG A 13 2 300 20300101000000 20200101000000 1 example. c2ln")
			m.Answer = append(m.Answer, sig)
		}
	})
	m := question("blocked.example.", dns.TypeA)
	m.SetEdns0(1232, true)
	for settings, want := range map[string]int{"": dns.RcodeSuccess, "qname-wait-recurse no": dns.RcodeSuccess, "break-dnssec yes": dns.RcodeNameError} {
		s := forwarding(t, u, settings, "", "blocked.example CNAME .\n")
		if got := s.exchange(m.Copy(), "udp"); got.Rcode != want {
			t.Errorf("%q: got %s", settings, got)
		}
		if got := s.exchange(question("blocked.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeNameError {
			t.Errorf("%q, without DO: %s", settings, got)
		}
	}
}

func TestAPublicNameResolvesToTheNearestCluster(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	hello := fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.ThreeWith(hello))
	fixture.Write(t, filepath.Join(dir, "locations.csv"), fixture.Locations)
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("shop.example.com CNAME hello.demo.fn.example.org.\n"))
	s := serve(t, strings.ReplaceAll(`.:0 {
	bind LOOPBACK
	rpz {
		zone rpz1 {
			file DIR/rpz1
		}
	}
	nearcast fn.example.org {
		cluster mk-core
		manifests DIR/manifests
		locations DIR/locations.csv
	}
	cache
	whoami
}`, "DIR", dir))
	for subnet, address := range map[string]string{"10.2.2.0/24": "192.0.2.2", "10.3.2.0/24": "192.0.2.4", "10.1.2.0/24": "192.0.2.1"} {
		m := question("shop.example.com.", dns.TypeA)
		m.SetEdns0(1232, false)
		p := netip.MustParsePrefix(subnet)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()}}
		reply := s.exchange(m, "udp")
		if len(reply.Answer) != 2 || !strings.HasSuffix(reply.Answer[1].String(), address) {
			t.Errorf("from %s: %s", subnet, reply)
		}
		if scope := client.Subnet(reply); scope == nil || scope.SourceScope == 0 {
			t.Errorf("from %s: the scope is %v", subnet, scope)
		}
	}
}

// TestLookUpsDoNotCountAsTheClients limits the answers to one network, and requires
// cookies: neither applies to the look-ups of policy, whose results are kept for all
// clients.
func TestLookUpsDoNotCountAsTheClients(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	hello := fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames}
	fixture.Write(t, filepath.Join(dir, "manifests", "all.yaml"), fixture.ThreeWith(hello))
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("shop.example.com CNAME hello.demo.fn.example.org.\nns.bad.example.rpz-nsdname CNAME .\n"))
	s := serve(t, strings.NewReplacer("DIR", dir, "UPSTREAM", startUpstream(t, nil).addr).Replace(`.:0 {
	bind LOOPBACK
	rrl {
		responses-per-second 1
		slip 0
	}
	rpz {
		zone rpz1 {
			file DIR/rpz1
		}
		delegation on
	}
	nearcast fn.example.org {
		cluster mk-core
		manifests DIR/manifests
		cookies require
	}
	forward . UPSTREAM
}`))
	for range 20 {
		m := question("popular.example.", dns.TypeNS)
		m.RecursionDesired = false // policy does not apply
		client := dns.Client{Timeout: 10 * time.Millisecond}
		_, _, _ = client.Exchange(m, s.UDP)
	}
	if got := s.exchange(question("www.popular.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeSuccess {
		t.Errorf("a zone whose name servers the client queried too often: got %s", got)
	}
	m := question("shop.example.com.", dns.TypeA)
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
	if got := s.exchange(m, "udp"); len(got.Answer) != 2 {
		t.Errorf("a client that knows cookies: got %s", got)
	}
}

// TestARefusedClientMarksNoZoneAsFailing has a client that may query only SOA, like a
// primary that sends NOTIFY: that its look-ups are refused or dropped says nothing about
// the zone.
func TestARefusedClientMarksNoZoneAsFailing(t *testing.T) {
	for _, rest := range []string{"block", "drop"} {
		path := filepath.Join(t.TempDir(), "rpz1")
		fixture.Write(t, path, withSOA("ns.bad.example.rpz-nsdname CNAME .\n"))
		s := serve(t, fmt.Sprintf(`.:0 {
	bind LOOPBACK
	acl {
		allow net 127.0.0.1
		allow type SOA net 127.0.0.2
		%s
	}
	rpz {
		zone rpz1 {
			file %s
		}
		delegation on
	}
	forward . %s
}`, rest, path, startUpstream(t, nil).addr))
		notifier := dns.Client{Timeout: 3 * time.Second, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}}
		if got, _, err := notifier.Exchange(question("www.bank.example.", dns.TypeSOA), s.UDP); err != nil || got.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: the look-ups of the client that may query only SOA succeed, so this test proves nothing: %v, %v", rest, got, err)
		}
		if got := s.exchange(question("www.bank.example.", dns.TypeA), "udp"); got.Rcode != dns.RcodeSuccess {
			t.Errorf("%s: got %s", rest, got)
		}
	}
}

// TestNoOpcodeBypassesPolicy includes NOTIFY, which CoreDNS accepts and a cache answers.
func TestNoOpcodeBypassesPolicy(t *testing.T) {
	s := forwarding(t, startUpstream(t, nil), "", "", "bad.example CNAME .\n")
	for _, opcode := range []int{dns.OpcodeQuery, dns.OpcodeNotify} {
		m := question("bad.example.", dns.TypeA)
		m.Opcode = opcode
		if got := summary(s.exchange(m, "udp")); got != "NXDOMAIN"+soa1 {
			t.Errorf("%s: got %s", dns.OpcodeToString[opcode], got)
		}
	}
}

func TestNameServersTriggerWhereTheyAreLookedUp(t *testing.T) {
	servers := func(m *dns.Msg) {
		q := m.Question[0]
		if q.Qtype == dns.TypeNS && q.Name == "evil.example." {
			for _, ns := range []string{"ns1.bad.example.", "ns2.bad.example."} {
				rr, _ := dns.NewRR("evil.example. 300 IN NS " + ns)
				m.Answer = append(m.Answer, rr)
			}
		}
		if q.Name == "ns1.bad.example." && q.Qtype == dns.TypeA {
			m.Answer[0].(*dns.A).A = net.IPv4(198, 51, 100, 7)
		}
	}
	for records, want := range map[string]string{
		"ns2.bad.example.rpz-nsdname CNAME .\n":                              "NXDOMAIN" + soa1,
		"*.bad.example.rpz-nsdname CNAME *.\n":                               "NOERROR" + soa1,
		"24.0.100.51.198.rpz-nsip CNAME *.\nns1.x.rpz-nsdname CNAME .\n":     "NOERROR" + soa1,
		"24.0.100.51.198.rpz-nsip CNAME .\n*.example.rpz-nsdname CNAME *.\n": "NOERROR" + soa1,
	} {
		u := startUpstream(t, servers)
		s := forwarding(t, u, "delegation on", "", records)
		if got := summary(s.exchange(question("www.evil.example.", dns.TypeA), "udp")); got != want {
			t.Errorf("%q: got %s", records, got)
		}
		asked := u.asked.Load()
		s.exchange(question("www.evil.example.", dns.TypeA), "udp")
		if u.asked.Load() != asked {
			t.Errorf("%q: looked up again", records)
		}
		off := forwarding(t, startUpstream(t, servers), "", "", records)
		if got := off.exchange(question("www.evil.example.", dns.TypeA), "udp"); len(got.Answer) != 1 {
			t.Errorf("%q, delegation off: %s", records, got)
		}
	}
}

func TestDnstapCarriesTheRule(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap.sock")
	input, err := tap.NewFrameStreamSockInputFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	frames := make(chan []byte, 100)
	go input.ReadInto(frames)
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("blocked.example CNAME .\n"))
	s := serve(t, fmt.Sprintf(`.:0 {
	bind LOOPBACK
	metadata
	dnstap %s full {
		extra "{/rpz/zone} {/rpz/trigger} {/rpz/rule} {/rpz/action}"
	}
	rpz {
		zone rpz1 {
			file %s/rpz1
		}
	}
	whoami
}`, path, dir))
	s.expect("blocked.example.", "NXDOMAIN"+soa1)
	for timeout := time.After(10 * time.Second); ; {
		select {
		case frame := <-frames:
			var m tap.Dnstap
			if err := proto.Unmarshal(frame, &m); err != nil {
				t.Fatal(err)
			}
			if m.GetMessage().GetType() == tap.Message_CLIENT_RESPONSE {
				if got := string(m.GetExtra()); got != "rpz1. qname blocked.example.rpz1. nxdomain" {
					t.Errorf("extra is %q", got)
				}
				return
			}
		case <-timeout:
			t.Fatal("no message over dnstap")
		}
	}
}
