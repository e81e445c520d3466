package hostile

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// notify sends a NOTIFY for the zone from the address, and returns the rcode of the reply.
func notify(t *testing.T, addr, from, zone string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}, Timeout: slack}
	client := dns.Client{Dialer: &d, Timeout: slack}
	reply, _, err := client.Exchange(new(dns.Msg).SetNotify(zone), addr)
	if err != nil {
		t.Fatal(err)
	}
	return dns.RcodeToString[reply.Rcode]
}

// TestPacketsOfStrangersDoNotFillTheLog is an attack by NOTIFY from one network, and
// from many, as who forges addresses sends it. Its control is that one is logged, and
// that each is refused.
func TestPacketsOfStrangersDoNotFillTheLog(t *testing.T) {
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	fixture.Write(t, filepath.Join(w.dir, "local.rpz"), "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\nblocked.example CNAME .\n")
	p := w.serve(t, `.:{port} {
    bind {host}
    errors
    rpz {
        zone local.rpz.example {
            file {dir}/local.rpz
        }
        zone threats.rpz.example {
            primary 127.99.99.99:1
        }
        state {dir}/state
    }
    nearcast fn.example.org {
        cluster de-wide
        manifests {dir}/fed
    }
}
`)
	refused := func() int { return p.log.Count("NOTIFY from") }
	if got := notify(t, w.addr, "127.1.1.1", "threats.rpz.example."); got != "REFUSED" {
		t.Fatalf("NOTIFY of a stranger: got %s", got)
	}
	eventually(t, "it is logged", func() error { return atLeast(refused(), 1) })
	for range 300 {
		notify(t, w.addr, "127.1.1.2", "threats.rpz.example.")
	}
	if n := refused(); n > 2 { // a minute may pass
		t.Errorf("300 packets of one network are %d lines", n)
	}
	for _, from := range networks(200) {
		notify(t, w.addr, from, "threats.rpz.example.")
	}
	if n := refused(); n < 30 || n > 2*65 {
		t.Errorf("packets of 200 networks made %d lines in the log", n)
	}
}

// TestClientsThatDisconnectDoNotFillTheLog is an attack by clients that ask and reset the
// connection before they are answered. Its control is that their queries arrive.
func TestClientsThatDisconnectDoNotFillTheLog(t *testing.T) {
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	p := w.serve(t, "fn.example.org:{port} {\n\tbind {host}\n\terrors\n\tlog\n\tnearcast {\n\t\tcluster de-wide\n\t\tmanifests {dir}/fed\n\t}\n}\n")
	for range 100 {
		c, err := connect(w.addr, "127.1.1.1")
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := c.WriteMsg(new(dns.Msg).SetQuestion("login.bank.fn.example.org.", dns.TypeA)); err != nil {
				break
			}
		}
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	eventually(t, "queries arrive", func() error { return atLeast(p.log.Count("A IN login.bank"), 50) })
	time.Sleep(100 * time.Millisecond)
	if n := p.log.Count("plugin/errors"); n > 0 {
		t.Errorf("100 clients that left are %d lines", n)
	}
}

// TestForgedNotifiesDoNotFillTheLog is an attack that forges the address of a
// primary that does not answer. Its control is that the failure is logged.
func TestForgedNotifiesDoNotFillTheLog(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: takes seconds")
	}
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	p := w.serve(t, `.:{port} {
    bind {host}
    rpz {
        zone threats.rpz.example {
            primary 127.99.99.98:1
        }
        state {dir}/state
    }
    nearcast fn.example.org {
        cluster de-wide
        manifests {dir}/fed
    }
}
`)
	failed := func() int { return p.log.Count("127.99.99.98:1") }
	eventually(t, "it is logged", func() error { return atLeast(failed(), 1) })
	for range 8 {
		if got := notify(t, w.addr, "127.99.99.98", "threats.rpz.example."); got != "NOERROR" {
			t.Fatalf("NOTIFY of a primary: got %s", got)
		}
		time.Sleep(time.Second) // the primary is asked no more often
	}
	if n := failed(); n > 3 {
		t.Errorf("the primary's failure was logged %d times", n)
	}
}
