package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/quic-go/quic-go"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/tls"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// follow is a directive of the tests that does what our directives do during set-up, and
// no more.
func init() {
	plugin.Register("follow", func(c *caddy.Controller) error { Follow(c); return nil })
	plugin.Register("fail", func(c *caddy.Controller) error {
		c.OnStartup(func() error { return errors.New("as it must") })
		return nil
	})
}

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	if err := dnsserver.SetDirectives([]string{"bind", "follow", "tls", "whoami", "fail"}); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// folder contains the files of one certificate.
type folder struct {
	*testing.T
	dir string
}

func (f folder) files() Files {
	return Files{filepath.Join(f.dir, "tls.crt"), filepath.Join(f.dir, "tls.key")}
}

// renew replaces the certificate by one for the name, with a rename as ACME clients do
// it.
func (f folder) renew(name string, notBefore, notAfter time.Time) {
	f.Helper()
	of := f.files()
	fixture.CertificateOf(f, of.Cert+".new", of.Key+".new", &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
	})
	for _, path := range []string{of.Cert, of.Key} {
		if err := os.Rename(path+".new", path); err != nil {
			f.Fatal(err)
		}
	}
}

func newFolder(t *testing.T) folder {
	f := folder{t, t.TempDir()}
	f.renew("first", time.Time{}, time.Now().Add(time.Hour))
	return f
}

// serve starts DNS over TLS, HTTPS and QUIC, with the lines in its block, and returns
// their addresses in this order.
func (f folder) serve(lines string) (dot, doh, doq string) {
	f.Helper()
	corefile := fmt.Sprintf("tls://.:0 https://.:0 quic://.:0 {\n bind %s\n tls %s/tls.crt %[2]s/tls.key\n whoami\n %s\n}", fixture.AnotherLoopback(), f.dir, lines)
	instance, err := caddy.Start(caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range instance.Servers() {
		if s.Addr() == nil {
			doq = s.LocalAddr().String()
			continue
		}
		addr := s.Addr().String()
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err == nil {
			conn.Close()
			doh = addr
		}
		if err != nil || conn.ConnectionState().NegotiatedProtocol == "" {
			dot = addr
		}
	}
	f.Cleanup(func() {
		for _, err := range instance.ShutdownCallbacks() {
			f.Error(err)
		}
		if err := instance.Stop(); err != nil {
			f.Error(err)
		}
	})
	return dot, doh, doq
}

// presented returns the name of the certificate that a new connection gets.
func presented(t *testing.T, network, addr string, protocols ...string) string {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
	if network == "quic" {
		conn, err := quic.DialAddr(t.Context(), addr, config, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseWithError(0, "")
		return conn.ConnectionState().TLS.PeerCertificates[0].Subject.CommonName
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// eventually waits until a new connection gets the certificate for the name.
func eventually(t *testing.T, addr, want string) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		got := presented(t, "tcp", addr)
		if got == want {
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("new connections get the certificate of %s, want %s", got, want)
		}
	}
}

// TestARenewedCertificateIsUsedAndOpenConnectionsContinue renews under an open
// connection; a block that does not follow its files is the control.
func TestARenewedCertificateIsUsedAndOpenConnectionsContinue(t *testing.T) {
	f := newFolder(t)
	dot, doh, doq := f.serve("follow")
	still, _, _ := f.serve("")
	client := dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	conn, err := client.Dial(dot)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func() {
		if _, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.org.", dns.TypeA), conn); err != nil {
			t.Errorf("the open connection was lost: %v", err)
		}
	}
	ask()
	f.renew("second", time.Time{}, time.Now().Add(time.Hour))
	eventually(t, dot, "second")
	ask()
	if got := presented(t, "tcp", doh, "h2"); got != "second" {
		t.Errorf("HTTPS shows %s", got)
	}
	if got := presented(t, "quic", doq, "doq"); got != "second" {
		t.Errorf("QUIC shows %s", got)
	}
	if got := presented(t, "tcp", still); got != "first" {
		t.Errorf("control: a block that does not follow its files shows %s", got)
	}
	if got := testutil.ToFloat64(loads.WithLabelValues(f.files().Cert, "used")); got != 1 {
		t.Errorf("%v loads were counted", got)
	}
}

// TestABadCertificateIsRefusedAloneAndByName keeps the previous certificate, and accepts
// the next valid one.
func TestABadCertificateIsRefusedAloneAndByName(t *testing.T) {
	now := time.Now()
	for what, spoil := range map[string]func(folder){
		"expired":                    func(f folder) { f.renew("second", now.Add(-2*time.Hour), now.Add(-time.Hour)) },
		"not valid before":           func(f folder) { f.renew("second", now.Add(time.Hour), now.Add(2*time.Hour)) },
		"private key does not match": func(f folder) { f.renewOnlyCert() },
		"failed to find any PEM":     func(f folder) { fixture.Write(f, f.files().Cert, "half of a fi") },
		"no such file":               func(f folder) { _ = os.Remove(f.files().Key) },
	} {
		t.Run(what, func(t *testing.T) {
			f := newFolder(t)
			loaded, err := load(f.files(), now)
			if err != nil {
				t.Fatal(err)
			}
			p := newPair(f.files(), loaded)
			spoil(f)
			for range 3 {
				p.reload()
			}
			if got := p.current.Load().Leaf.Subject.CommonName; got != "first" {
				t.Errorf("the certificate in use is %s", got)
			}
			if !strings.Contains(p.said, what) || !strings.Contains(p.said, f.dir) {
				t.Errorf("refused with %q, want the file and %q", p.said, what)
			}
			if got := testutil.ToFloat64(loads.WithLabelValues(p.Cert, "refused")); got != 1 {
				t.Errorf("%v refusals were counted for one unchanged file", got)
			}
			f.renew("third", time.Time{}, now.Add(time.Hour))
			p.reload()
			if got := p.current.Load().Leaf.Subject.CommonName; got != "third" {
				t.Errorf("after a valid one, %s is in use", got)
			}
		})
	}
}

// renewOnlyCert leaves the key unchanged.
func (f folder) renewOnlyCert() {
	of := f.files()
	fixture.CertificateOf(f, of.Cert, of.Key+".other", &x509.Certificate{NotAfter: time.Now().Add(time.Hour)})
}

// TestBlocksOnOnePortMayShareACertificate under two names, as blocks may that do not
// follow their files.
func TestBlocksOnOnePortMayShareACertificate(t *testing.T) {
	f := newFolder(t)
	if err := os.Symlink(f.dir, f.dir+"-too"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.dir + "-too") })
	port := fixture.FreePort(t, "127.0.0.1")
	block := "tls://%s:%d {\n bind 127.0.0.1\n follow\n tls %s/tls.crt %[3]s/tls.key\n whoami\n}\n"
	corefile := fmt.Sprintf(block, "a.example", port, f.dir) + fmt.Sprintf(block, "b.example", port, f.dir+"-too")
	instance, err := caddy.Start(caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"})
	if err != nil {
		t.Fatal(err)
	}
	addr := instance.Servers()[0].Addr().String()
	f.renew("second", time.Time{}, time.Now().Add(time.Hour))
	eventually(t, addr, "second")
	for _, err := range instance.ShutdownCallbacks() {
		t.Error(err)
	}
	if err := instance.Stop(); err != nil {
		t.Error(err)
	}
}

// TestAReplacedConfigurationStopsFollowingItsFiles restarts with a failure and then
// successfully; each renewal is loaded once, by the running configuration.
func TestAReplacedConfigurationStopsFollowingItsFiles(t *testing.T) {
	f := newFolder(t)
	corefile := func(plugin string) caddy.CaddyfileInput {
		text := fmt.Sprintf("tls://.:0 {\n bind 127.0.0.1\n follow\n tls %s/tls.crt %[1]s/tls.key\n %s\n}", f.dir, plugin)
		return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(text), ServerTypeName: "dns"}
	}
	instance, err := caddy.Start(corefile("whoami"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := instance.Restart(corefile("fail")); err == nil {
		t.Fatal("control: a configuration that cannot start was accepted")
	}
	if instance, err = instance.Restart(corefile("whoami")); err != nil {
		t.Fatal(err)
	}
	addr := instance.Servers()[0].Addr().String()
	f.renew("second", time.Time{}, time.Now().Add(time.Hour))
	eventually(t, addr, "second")
	if alive := instances.Sweep(); len(alive) != 1 {
		t.Errorf("%d configurations follow their files, want one", len(alive))
	}
	for _, err := range instance.ShutdownCallbacks() {
		t.Error(err)
	}
	if err := instance.Stop(); err != nil {
		t.Error(err)
	}
	f.renew("third", time.Time{}, time.Now().Add(time.Hour))
	time.Sleep(200 * time.Millisecond) // longer than a watch waits for changes to end
	if got := testutil.ToFloat64(loads.WithLabelValues(f.files().Cert, "used")); got != 1 {
		t.Errorf("%v loads were counted, want only that of the running configuration", got)
	}
}
