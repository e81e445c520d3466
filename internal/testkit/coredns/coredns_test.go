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

// TestARestartKeepsTheAddresses while a test sends queries to them.
func TestARestartKeepsTheAddresses(t *testing.T) {
	s := Serve(t, whoami)
	udp, tcp := s.UDP, s.TCP
	if err := s.Restart("broken {"); err == nil {
		t.Error("an invalid Corefile is accepted")
	}
	if err := s.Restart(whoami); err != nil || s.UDP != udp || s.TCP != tcp {
		t.Errorf("got %v, at %s and %s, before at %s and %s", err, s.UDP, s.TCP, udp, tcp)
	}
	host, _, _ := net.SplitHostPort(udp)
	if other, _, _ := net.SplitHostPort(Serve(t, whoami).UDP); other == host {
		t.Errorf("another server has the address %s too", other)
	}
}
