package coredns

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	// The plugins of the Corefiles.
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/whoami"
)

func TestMain(m *testing.M) { Main(m) }

const whoami = ".:0 {\n bind LOOPBACK\n whoami\n}\n"

func TestAServerEndsWithItsTest(t *testing.T) {
	var s *Server
	t.Run("serves", func(t *testing.T) {
		s = Serve(t, whoami)
		if reply, err := dns.Exchange(new(dns.Msg).SetQuestion("example.org.", dns.TypeA), s.UDP); err != nil || reply.Rcode != dns.RcodeSuccess {
			t.Errorf("%v, %v", reply, err)
		}
	})
	if conn, err := net.DialTimeout("tcp", s.TCP, time.Second); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

// TestAServerThatNeverServedCanBeStopped stops it at once, which takes it from its first moments.
func TestAServerThatNeverServedCanBeStopped(t *testing.T) {
	for range 20 {
		instance, err := Start(whoami)
		if err != nil {
			t.Fatal(err)
		}
		if err := Stop(instance); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARestartKeepsTheAddress(t *testing.T) {
	s := Serve(t, whoami)
	host := func() string { host, _, _ := net.SplitHostPort(s.UDP); return host }
	before := host()
	if err := s.Restart("broken {"); err == nil {
		t.Error("a broken Corefile is taken")
	}
	if err := s.Restart(whoami); err != nil || host() != before {
		t.Errorf("%v, at %s, before at %s", err, host(), before)
	}
	if other, _, _ := net.SplitHostPort(Serve(t, whoami).UDP); other == before {
		t.Errorf("another server has the address %s too", other)
	}
}
