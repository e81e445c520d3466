package hostile

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// fewFiles is how many files the attacked server may open.
const fewFiles = 256

// confined is a Corefile that says nothing of connections.
const confined = `fn.example.org:{port} {
    bind {host}
    errors
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        admin {dir}/admin.sock
    }
}
`

// confine lets the program have so many files open only.
func confine(t *testing.T, p *program, files int) {
	t.Helper()
	limit := fmt.Sprintf("--nofile=%d:%d", files, files)
	if out, err := exec.Command("prlimit", "--pid", strconv.Itoa(p.Process.Pid), limit).CombinedOutput(); err != nil {
		t.Skipf("prlimit: %v: %s", err, out)
	}
}

// opened returns how many files the program has open.
func opened(t *testing.T, p *program) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	return len(all)
}

// ticks returns the processor time that the program has used, in hundredths of a second.
func ticks(t *testing.T, p *program) (all int) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	for _, field := range strings.Fields(rest)[11:13] { // utime and stime, proc(5)
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all += n
	}
	return all
}

// connect opens a connection from an address.
func connect(addr, from string) (*dns.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 2 * time.Second}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &dns.Conn{Conn: c}, nil
}

// answered reports whether a query on the connection is answered.
func answered(c *dns.Conn) error {
	if err := c.SetDeadline(time.Now().Add(slack)); err != nil {
		return err
	}
	if err := c.WriteMsg(new(dns.Msg).SetQuestion("login.bank.fn.example.org.", dns.TypeA)); err != nil {
		return err
	}
	reply, err := c.ReadMsg()
	if err == nil && len(reply.Answer) != 1 {
		err = fmt.Errorf("no answer within %v", reply)
	}
	return err
}

// hold opens n connections from the addresses in turn and asks once on each; those that
// are refused are left out.
func hold(t *testing.T, addr string, n int, from ...string) (held []*dns.Conn) {
	t.Helper()
	for i := range n {
		c, err := connect(addr, from[i%len(from)])
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.WriteMsg(new(dns.Msg).SetQuestion("login.bank.fn.example.org.", dns.TypeA)) // it may be cut already
		held = append(held, c)
	}
	return held
}

// awaitAnswers returns when the attacker has its answers, or has lost its connections: who asks
// after that has asked last, however busy the server is.
func awaitAnswers(held []*dns.Conn) {
	for _, c := range held {
		_ = c.SetReadDeadline(time.Now().Add(slack))
		_, _ = c.ReadMsg() // it may be cut
	}
}

// TestOneClientCannotHoldAllConnections is an attack by one that opens more than the
// process may open files. Its control is that it does hold a good part of them.
func TestOneClientCannotHoldAllConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		from []string
	}{{"from one address", []string{"127.1.1.1"}}, {"from many networks", networks(40)}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, fixture.Three[0], victim("bank", "login"))
			p := w.serve(t, confined)
			confine(t, p, fewFiles)
			honest, err := connect(w.addr, "127.200.1.1")
			if err != nil {
				t.Fatal(err)
			}
			defer honest.Close()
			idle := opened(t, p)
			for range 4 {
				awaitAnswers(hold(t, w.addr, fewFiles/4+20, c.from...))
				if err := answered(honest); err != nil {
					t.Fatalf("an active honest client lost its connection: %v", err)
				}
			}
			time.Sleep(100 * time.Millisecond)
			if n := opened(t, p); n > fewFiles*3/4 || n < idle+fewFiles/4 {
				t.Errorf("%d of %d files are open, %d before the attack", n, fewFiles, idle)
			}
			for _, from := range []string{"127.1.1.2", "127.200.1.2"} { // beside the attacker, and elsewhere
				other, err := connect(w.addr, from)
				if err != nil {
					t.Fatal(err)
				}
				if err := answered(other); err != nil {
					t.Errorf("a new client from %s got no answer: %v", from, err)
				}
				_ = other.Close()
			}
			out, err := exec.Command(filepath.Join(bin, "nearcast"), "status", "--admin", filepath.Join(w.dir, "admin.sock")).CombinedOutput()
			if err != nil {
				t.Errorf("the admin socket does not answer: %v: %s", err, out)
			}
			if n := p.log.Count("too many open files"); n > 0 {
				t.Errorf("the process ran out of files %d times", n)
			}
			if n := p.log.Count("exceeds a limit of tcp"); n < 1 || n > 65 {
				t.Errorf("the attack was logged %d times", n)
			}
		})
	}
}

// networks are addresses of n networks.
func networks(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("127.%d.1.1", 1+i))
	}
	return all
}

// TestConnectionsOverTLSAreHeldWithinBounds is the same over TLS, with a line that sets
// the bounds. Its control is that up to the bound all are held.
func TestConnectionsOverTLSAreHeldWithinBounds(t *testing.T) {
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	fixture.Certificate(t, filepath.Join(w.dir, "cert.pem"), filepath.Join(w.dir, "key.pem"), "dns.example")
	host, _, _ := net.SplitHostPort(w.addr)
	secure := net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host)))
	_, securePort, _ := net.SplitHostPort(secure)
	w.serve(t, confined+`tls://fn.example.org:`+securePort+` {
    bind {host}
    tcp {
        connections 20
        network 10
    }
    tls {dir}/cert.pem {dir}/key.pem
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        admin {dir}/admin.sock
    }
}
`)
	open := func(n int) (all []*dns.Conn) {
		for range n {
			c, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the test's own
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			all = append(all, &dns.Conn{Conn: c})
			if err := answered(all[len(all)-1]); err != nil {
				t.Fatalf("a new client got no answer: %v", err)
			}
		}
		return all
	}
	held := func(all []*dns.Conn) (n int) {
		for _, c := range all {
			if answered(c) == nil {
				n++
			}
		}
		return n
	}
	first := open(10)
	if n := held(first); n != 10 {
		t.Errorf("%d of 10 connections are held; 10 are allowed", n)
	}
	open(10)
	if n := held(first); n != 0 {
		t.Errorf("%d of the first 10 connections are held after 10 more", n)
	}
}

// TestAServerOutOfFileDescriptorsUsesLittleCPU is an attack that takes the files by other means than
// connections: the server must not spend itself on asking for them. Its control is that
// files do run out.
func TestAServerOutOfFileDescriptorsUsesLittleCPU(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: takes seconds")
	}
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	p := w.serve(t, confined)
	confine(t, p, opened(t, p))
	hold(t, w.addr, 50, "127.1.1.1")
	before := ticks(t, p)
	time.Sleep(2 * time.Second)
	if share := float64(ticks(t, p)-before) / 200; share > 0.2 {
		t.Errorf("the server uses %.0f %% of a CPU", 100*share)
	}
	if p.log.Count("too many open files") == 0 {
		t.Error("the process did not run out of files")
	}
}
