package rpz

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestAFileIsReloadedAndAnInvalidOneLosesNothing(t *testing.T) {
	s, dir := serveRules(t, "", "a.test CNAME .\n")
	s.expect("a.test.", "NXDOMAIN"+soa1)
	path := filepath.Join(dir, "rpz1")
	fixture.Write(t, path, withSOA("a.test CNAME *.\n"))
	s.expect("a.test.", "NOERROR"+soa1)
	fixture.Write(t, path, withSOA("a.test CNAME .\nb.test A 192.0.2.999\n"))
	time.Sleep(300 * time.Millisecond)
	s.expect("a.test.", "NOERROR"+soa1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	s.expect("a.test.", "NOERROR"+soa1)
	fixture.Write(t, path, withSOA("a.test CNAME .\n"))
	s.expect("a.test.", "NXDOMAIN"+soa1)
}

func TestReloadsShareTheZoneAndLeakNothing(t *testing.T) {
	s, dir := serveRules(t, "", "a.test CNAME .\n")
	good := strings.NewReplacer("BODY", "zone rpz1 {\nfile "+dir+"/rpz1\n}", "DIR", dir).Replace(block)
	for i := range 10 {
		corefile := good
		switch i % 3 {
		case 1:
			corefile = strings.Replace(good, "rpz {", "rpz {\nstray", 1)
		case 2: // starts this plugin, and fails when the sockets are opened
			corefile = good + "\nother.example:1 {\nbind 203.0.113.99\nwhoami\n}\n"
		}
		err := s.Restart(corefile)
		if (err == nil) != (i%3 == 0) {
			t.Fatalf("reload %d: %v", i, err)
		}
		s.expect("a.test.", "NXDOMAIN"+soa1)
	}
	pool.Lock()
	defer pool.Unlock()
	if len(pool.uses) != 1 {
		t.Errorf("%d sources run", len(pool.uses))
	}
}

func TestBlocksShareAZoneThatComesFromOnePlace(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("a.test CNAME .\nb.other CNAME *.\n"))
	one := strings.NewReplacer("BODY", "zone rpz1 {\nfile "+dir+"/rpz1\n}", "DIR", dir).Replace(block)
	two := strings.Replace(strings.Replace(one, ".:0", "other:0", 1), "file "+dir+"/truth test", "whoami", 1)
	s := serve(t, one+"\n"+two)
	s.expect("a.test.", "NXDOMAIN"+soa1)
	pool.Lock()
	defer pool.Unlock()
	if len(pool.uses) != 1 {
		t.Errorf("%d sources run", len(pool.uses))
	}
	for _, uses := range pool.uses {
		if uses != 2 {
			t.Errorf("%d uses", uses)
		}
	}
}

// primary serves one zone by AXFR, to those who have the key.
type primary struct {
	addr  string
	zone  atomic.Pointer[[]dns.RR]
	asked atomic.Int64
	gone  atomic.Bool // the primary refuses everything
}

const secret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="

func startPrimary(t *testing.T, records string) *primary {
	t.Helper()
	p := &primary{}
	p.set(t, records)
	packets, listener := fixture.BothProtocols(t)
	p.addr = packets.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: packets}, {Listener: listener}} {
		s.Handler, s.TsigSecret = p, map[string]string{"feed.": secret}
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return p
}

func (p *primary) set(t *testing.T, records string) {
	var all []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(records), "rpz1.", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		all = append(all, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	p.zone.Store(&all)
}

func (p *primary) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	p.asked.Add(1)
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true
	zone := *p.zone.Load()
	switch {
	case r.IsTsig() == nil || w.TsigStatus() != nil || p.gone.Load():
		m.Rcode = dns.RcodeNotAuth
	case r.Question[0].Qtype == dns.TypeSOA:
		m.Answer = zone[:1]
	default:
		m.Answer = slices.Concat(zone, zone[:1])
	}
	if r.IsTsig() != nil && w.TsigStatus() == nil {
		m.SetTsig("feed.", dns.HmacSHA256, 300, time.Now().Unix())
	}
	_ = w.WriteMsg(m)
}

func transferred(dir string, p *primary) string {
	return strings.NewReplacer("BODY", fmt.Sprintf("zone rpz1 {\nprimary %s key feed\n}\nstate %s", p.addr, dir), "DIR", dir).Replace(
		strings.Replace(block, "file DIR/truth test", "file DIR/truth test\ntsig {\nsecret feed. "+secret+"\nrequire none\n}", 1))
}

func TestATransferredZoneFollowsItsPrimary(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	zone := func(serial int, records string) string {
		return fmt.Sprintf("$TTL 60\n@ SOA ns. host. %d 3600 3600 3600 30\n@ NS ns.\n%s", serial, records)
	}
	p := startPrimary(t, zone(1, "a.test CNAME .\n"))
	s := serve(t, transferred(dir, p))
	s.expect("a.test.", "NXDOMAIN"+soa1)

	p.set(t, zone(2, "a.test CNAME *.\n"))
	notify := new(dns.Msg).SetNotify("rpz1.")
	if reply := s.exchange(notify, "udp"); reply.Rcode != dns.RcodeSuccess || !reply.Authoritative {
		t.Errorf("NOTIFY: %s", reply)
	}
	s.expect("a.test.", "NOERROR"+soa1)

	// Signed with the key it is answered signed, and with another one refused.
	for name, want := range map[string]int{secret: dns.RcodeSuccess, "c29tZSBvdGhlciBzZWNyZXQ=": dns.RcodeNotAuth} {
		client := dns.Client{TsigSecret: map[string]string{"feed.": name}, Timeout: 2 * time.Second}
		notify := new(dns.Msg).SetNotify("rpz1.")
		notify.SetTsig("feed.", dns.HmacSHA256, 300, time.Now().Unix())
		reply, _, err := client.Exchange(notify, s.UDP)
		if reply == nil || reply.Rcode != want || (want == dns.RcodeSuccess && (err != nil || reply.IsTsig() == nil)) {
			t.Errorf("signed NOTIFY: %v, %v", reply, err)
		}
	}
	if got := s.exchange(new(dns.Msg).SetNotify("other."), "udp"); got.Rcode == dns.RcodeSuccess {
		t.Errorf("NOTIFY of another zone: %s", got)
	}
}

func TestAZoneThatOutgrowsItsLimitKeepsItsLastGeneration(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	const soa = "$TTL 60\n@ SOA ns. host. %d 3600 3600 3600 30\n"
	p := startPrimary(t, fmt.Sprintf(soa, 1)+"a.test CNAME .\n")
	s := serve(t, strings.Replace(transferred(dir, p), "key feed", "key feed\nlimit 2", 1))
	s.expect("a.test.", "NXDOMAIN"+soa1)
	p.set(t, fmt.Sprintf(soa, 2)+"a.test CNAME *.\nb.test CNAME .\nc.test CNAME .\n")
	asked := p.asked.Load()
	s.exchange(new(dns.Msg).SetNotify("rpz1."), "udp")
	for p.asked.Load() < asked+2 { // SOA, and the zone
		time.Sleep(10 * time.Millisecond)
	}
	s.expect("a.test.", "NXDOMAIN"+soa1)
	p.set(t, fmt.Sprintf(soa, 3)+"a.test CNAME *.\nb.test CNAME .\n")
	s.exchange(new(dns.Msg).SetNotify("rpz1."), "udp")
	s.expect("a.test.", "NOERROR"+soa1)
}

func TestChangingAKeyLeavesNoMomentUnfiltered(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	p := startPrimary(t, "$TTL 60\n@ SOA ns. host. 1 3600 3600 3600 30\na.test CNAME .\n")
	corefile := transferred(dir, p)
	s := serve(t, corefile)
	s.expect("a.test.", "NXDOMAIN"+soa1)
	// The primary does not know the new secret yet.
	err := s.Restart(strings.Replace(corefile, secret, "bmV3IHNlY3JldA==", 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(s.exchange(question("a.test.", dns.TypeA), "udp")); got != "NXDOMAIN"+soa1 {
		t.Errorf("after the reload: %s", got)
	}
	copies, err := filepath.Glob(filepath.Join(dir, "*.rpz"))
	if err != nil || len(copies) != 1 {
		t.Errorf("copies: %v, %v", copies, err)
	}
}

func TestANotifyFromAnotherAddressIsRefused(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	p := startPrimary(t, "$TTL 60\n@ SOA ns. host. 1 3600 3600 3600 30\na.test CNAME .\n")
	s := serve(t, strings.Replace(transferred(dir, p), "primary ", "primary 127.0.0.99 ", 1))
	s.expect("a.test.", "NXDOMAIN"+soa1)
	asked := p.asked.Load()
	client := dns.Client{Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 77)}}, Timeout: 2 * time.Second}
	reply, _, err := client.Exchange(new(dns.Msg).SetNotify("rpz1."), s.UDP)
	if err != nil || reply.Rcode != dns.RcodeRefused {
		t.Errorf("got %v, %v", reply, err)
	}
	if p.asked.Load() != asked {
		t.Error("the primary was queried")
	}
}

func TestTheLastGoodCopyIsServedAfterARestart(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	p := startPrimary(t, "$TTL 60\n@ SOA ns. host. 1 3600 3600 3600 30\na.test CNAME .\n")
	corefile := strings.Replace(transferred(dir, p), "state "+dir, "state "+dir+"/made/at/start", 1)
	t.Run("first", func(t *testing.T) { serve(t, corefile).expect("a.test.", "NXDOMAIN"+soa1) })
	p.gone.Store(true)
	serve(t, corefile).expect("a.test.", "NXDOMAIN"+soa1)
}

func TestNothingIsAnsweredUnfilteredBeforeTheFirstGeneration(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	p := startPrimary(t, withSOA("b.test CNAME .\n"))
	corefile := strings.Replace(transferred(dir, p), "key feed", "", 1) // it is refused
	s := serve(t, corefile)
	m := question("a.test.", dns.TypeA)
	m.SetEdns0(1232, false)
	reply := s.exchange(m, "udp")
	if codes := extendedErrors(reply); reply.Rcode != dns.RcodeServerFailure || len(codes) != 1 || codes[0] != dns.ExtendedErrorCodeNotReady {
		t.Errorf("got %s", reply)
	}
	open := serve(t, strings.Replace(corefile, "zone rpz1", "servfail-until-ready no\nzone rpz1", 1))
	open.expect("a.test.", "NOERROR, a.test. 100 A 192.0.2.1, authority:NS")
}
