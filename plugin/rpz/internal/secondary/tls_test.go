package secondary

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// identity is a self-signed certificate, with its files and pin.
type identity struct {
	tls.Certificate
	certFile, keyFile, pin string
}

// newIdentity returns a certificate for the name and the addresses one and 127.0.0.1,
// valid also in the time of synctest.
func newIdentity(t *testing.T, name string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Now().AddDate(1, 0, 0),
		DNSNames: []string{name}, IPAddresses: []net.IP{one.Addr().AsSlice(), {127, 0, 0, 1}}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	dir := t.TempDir()
	i := identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), base64.StdEncoding.EncodeToString(sum[:])}
	fixture.PEM(t, i.certFile, "CERTIFICATE", der)
	fixture.PEM(t, i.keyFile, "PRIVATE KEY", secret)
	return i
}

// overTLS makes the fake answer over TLS.
func (f *fake) overTLS(config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, address string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go f.serve(tls.Server(theirs, config), network, address)
		return ours, nil
	}
}

// closing is the time that both ends of a pipe, which has no buffer, take to close it.
const closing = 20 * time.Second

func TestATransferOverTLSIsAuthenticated(t *testing.T) {
	us, them := newIdentity(t, "xfr.example"), newIdentity(t, "other.example")
	server := func(change func(*tls.Config)) *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{us.Certificate}, NextProtos: []string{"dot"}}
		if change != nil {
			change(c)
		}
		return c
	}
	for name, c := range map[string]struct {
		server *tls.Config
		trust  outbound.Trust
		want   Result
		word   string
	}{
		"its CA, by address":    {server(nil), outbound.Trust{CA: us.certFile}, AXFR, ""},
		"its CA, by name":       {server(nil), outbound.Trust{CA: us.certFile, Name: "xfr.example"}, AXFR, ""},
		"its key":               {server(nil), outbound.Trust{Pins: us.pin}, AXFR, ""},
		"one of two keys":       {server(nil), outbound.Trust{Pins: them.pin + " " + us.pin}, AXFR, ""},
		"name, CA and key":      {server(nil), outbound.Trust{CA: us.certFile, Name: "xfr.example", Pins: us.pin}, AXFR, ""},
		"another CA":            {server(nil), outbound.Trust{CA: them.certFile}, BadCertificate, "unknown authority"},
		"the system's CAs":      {server(nil), outbound.Trust{}, BadCertificate, "unknown authority"},
		"another name":          {server(nil), outbound.Trust{CA: us.certFile, Name: "other.example"}, BadCertificate, "other.example"},
		"another key":           {server(nil), outbound.Trust{Pins: them.pin}, BadCertificate, "its digest is " + us.pin},
		"its CA, another key":   {server(nil), outbound.Trust{CA: us.certFile, Pins: them.pin}, BadCertificate, "no configured pin"},
		"its key, another name": {server(nil), outbound.Trust{CA: us.certFile, Name: "other.example", Pins: us.pin}, BadCertificate, "other.example"},
		"no CA file":            {server(nil), outbound.Trust{CA: us.certFile + ".gone"}, BadCertificate, "no such file"},
		"no protocol":           {server(func(c *tls.Config) { c.NextProtos = nil }), outbound.Trust{Pins: us.pin}, Unreachable, `"dot"`},
		"another protocol":      {server(func(c *tls.Config) { c.NextProtos = []string{"h2"} }), outbound.Trust{Pins: us.pin}, Unreachable, `"dot"`},
		"TLS 1.2":               {server(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), outbound.Trust{Pins: us.pin}, Unreachable, "TLS 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{t: t, respond: serves(testKey, held, next)}
				w := followOver(t, f.overTLS(c.server), c.trust, testKey)
				defer w.stop()
				time.Sleep(closing)
				got, err := w.results()
				if len(got) == 0 || got[0] != c.want || c.word != "" && !strings.Contains(err.Error(), c.word) {
					t.Fatalf("%v, %v", got, err)
				}
				if (w.served() != nil) != (c.want == AXFR) {
					t.Error("a zone is served although it must not be, or the reverse")
				}
				if c.want != AXFR && len(f.take()) > 0 {
					t.Error("a query was sent before the primary was authenticated")
				}
			})
		})
	}
}

// TestPaddingOverTLSIsIgnored has messages without records between those of a transfer,
// which hide its size.
func TestPaddingOverTLSIsIgnored(t *testing.T) {
	us := newIdentity(t, "xfr.example")
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, respond: func(q *request) *answer {
			padded := []*dns.Msg{q.reply(nil)}
			for _, m := range q.each(closed(held)) {
				padded = append(padded, m, q.reply(nil))
			}
			return q.sent(plain(padded[:len(padded)-1]...)...)
		}}
		config := &tls.Config{Certificates: []tls.Certificate{us.Certificate}, NextProtos: []string{"dot"}}
		w := followOver(t, f.overTLS(config), outbound.Trust{Pins: us.pin}, nil)
		defer w.stop()
		time.Sleep(closing)
		if got, err := w.results(); len(got) == 0 || got[0] != AXFR || text(w.served()) != text(zoneOf(t, held)) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// followOver starts a Secondary over TLS.
func followOver(t *testing.T, dial func(context.Context, string, string) (net.Conn, error), trust outbound.Trust, key *Key) *follower {
	t.Helper()
	return followWith(t, dial, func(c *Config) { c.Trust, c.Key = &trust, key })
}

func TestNothingIsSentOutsideTLS(t *testing.T) {
	us := newIdentity(t, "xfr.example")
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, respond: serves(testKey, held)}
		w := followOver(t, f.overTLS(&tls.Config{Certificates: []tls.Certificate{us.Certificate}, NextProtos: []string{"dot"}}), outbound.Trust{Pins: us.pin}, testKey)
		defer w.stop()
		time.Sleep(closing)
		f.set(serves(testKey, held, next))
		w.Notify(one.Addr(), 2, true)
		time.Sleep(3 * closing)
		if got, err := w.results(); !slices.Equal(got, []Result{AXFR, IXFR}) {
			t.Fatalf("%v, %v", got, err)
		}
		if asked := f.take(); !slices.Equal(asked, []string{"tcp AXFR", "tcp SOA", "tcp IXFR"}) {
			t.Errorf("queries: got %v", asked)
		}
	})
}

// TestAPrimaryThatStallsTheTLSHandshakeIsAbandoned has one that hangs, one that hangs up and
// one that speaks plain DNS.
func TestAPrimaryThatStallsTheTLSHandshakeIsAbandoned(t *testing.T) {
	us := newIdentity(t, "xfr.example")
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  Result
	}{
		"hangs": {func(c net.Conn) {
			buffer := make([]byte, 1<<16)
			for {
				if _, err := c.Read(buffer); err != nil {
					return
				}
			}
		}, Timeout},
		"hangs up": {func(c net.Conn) { c.Close() }, Unreachable},
		"plain":    {func(c net.Conn) { c.Read(make([]byte, 1<<16)); c.Write([]byte("\x00\x0c............")); c.Close() }, Unreachable},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := followOver(t, func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go c.serve(theirs)
				return ours, nil
			}, outbound.Trust{Pins: us.pin}, nil)
			defer w.stop()
			time.Sleep(12 * time.Second)
			if got, err := w.results(); len(got) == 0 || got[0] != c.want {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		})
	}
}

// encrypted are primaries that serve transfers over TLS. NSD 4.6 does not select ALPN,
// which RFC 9103 requires, and Knot 3.2 does not serve TLS.
var encrypted = map[string]func(t *testing.T, r *other, us identity) *exec.Cmd{
	"BIND": func(t *testing.T, r *other, us identity) *exec.Cmd {
		return peers.Find(t, "named", "bind9").Command("-g", "-n", "1", "-c", r.config(t, fmt.Sprintf(`
key %[1]q { algorithm hmac-sha256; secret %[2]q; };
tls ours { cert-file %[6]q; key-file %[7]q; protocols { TLSv1.3; }; };
options { directory %[3]q; pid-file none; session-keyfile none; listen-on port %[4]s tls ours { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; notify no; allow-transfer port %[4]s transport tls { key %[1]q; }; dnssec-validation no; };
controls { };
zone %[5]q { type primary; file "zone"; ixfr-from-differences yes; check-names ignore; };
`, testKey.Name, testKey.Secret, r.dir, r.port, zoneName, us.certFile, us.keyFile)))
	},
}

func TestRealPrimariesAreFollowedOverTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts BIND")
	}
	us, them := newIdentity(t, "xfr.example"), newIdentity(t, "other.example")
	for name, command := range encrypted {
		t.Run(name, func(t *testing.T) {
			r := prepare(t)
			r.start(t, command(t, r, us))
			over := func(trust outbound.Trust, key *Key) *follower {
				return followWith(t, nil, func(c *Config) {
					c.Primaries, c.Trust, c.Key = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:" + r.port)}, &trust, key
				})
			}
			for _, trust := range []outbound.Trust{{Pins: us.pin}, {CA: us.certFile}, {CA: us.certFile, Name: "xfr.example"}} {
				w := over(trust, testKey)
				w.await(t, AXFR)
				want, _, err := policyzone.Read(strings.NewReader(largeZone(1)), zoneName, "zone")
				if err != nil {
					t.Fatal(err)
				}
				if text(w.served()) != text(want) {
					t.Errorf("%v: the served zone differs from the zone's file", trust)
				}
				w.stop()
			}
			for _, trust := range []outbound.Trust{{Pins: them.pin}, {CA: them.certFile}, {CA: us.certFile, Name: "other.example"}, {}} {
				w := over(trust, testKey)
				w.await(t, BadCertificate)
				w.stop()
			}
			w := over(outbound.Trust{Pins: us.pin}, otherKey)
			w.await(t, BadKey)
			w.stop()
		})
	}
}

func TestAServerIsQueriedFromTheSourceAddress(t *testing.T) {
	packets, listener := fixture.BothProtocols(t)
	from := make(chan string, 2)
	go func() {
		_, addr, err := packets.ReadFrom(make([]byte, 1<<16))
		if err == nil {
			from <- addr.String()
		}
	}()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			from <- conn.RemoteAddr().String()
			conn.Close()
		}
	}()
	host := "127.0.0.23"
	s, err := New(Config{Zone: zoneName, Primaries: []netip.AddrPort{one}, Sources: outbound.Sources{V4: netip.MustParseAddr(host)}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"udp", "tcp"} {
		conn, err := s.connect(t.Context(), network, packets.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte("x"))
		if got := <-from; !strings.HasPrefix(got, host+":") {
			t.Errorf("%s: from %s", network, got)
		}
		conn.Close()
	}
	packets.Close()
	listener.Close()
}
