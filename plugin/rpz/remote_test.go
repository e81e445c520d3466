package rpz

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
)

// certified is a certificate for 127.0.0.1, its file, and the digest of its key.
func certified(t *testing.T) (pair tls.Certificate, file, pin string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "cert.pem")
	key := filepath.Join(dir, "key.pem")
	fixture.Certificate(t, file, key, "lists.example")
	pair, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return pair, file, base64.StdEncoding.EncodeToString(sum[:])
}

// lists is a server that publishes one list, and its digest, by HTTPS.
type lists struct {
	*httptest.Server
	text atomic.Pointer[string]
	gone atomic.Bool
}

func publishing(t *testing.T, pair tls.Certificate, text string) *lists {
	t.Helper()
	l := &lists{}
	l.text.Store(&text)
	l.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := *l.text.Load()
		sum := sha256.Sum256([]byte(text))
		switch {
		case l.gone.Load():
			http.Error(w, "gone", http.StatusGone)
		case r.URL.Path == "/SHA256SUMS":
			fmt.Fprintf(w, "%s  one.rpz\n", hex.EncodeToString(sum[:]))
		default:
			_, _ = io.WriteString(w, text)
		}
	}))
	l.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	l.StartTLS()
	t.Cleanup(l.Close)
	return l
}

// downloaded is a Corefile whose zone is a list, with more settings.
func downloaded(dir, url, settings string) string {
	body := "zone rpz1 {\nurl " + url + "/one.rpz\n" + settings + "\n}\nstate " + dir
	return strings.NewReplacer("BODY", body, "DIR", dir).Replace(block)
}

func TestAListByHTTPSIsServedAndOutlivesItsServer(t *testing.T) {
	pair, ca, pin := certified(t)
	for _, settings := range []string{"tls ca " + ca, "tls pin " + pin, "checksum URL/SHA256SUMS\ntls ca " + ca + " pin " + pin + "\nsource 127.0.0.1 ::1\nrefresh 1m\nlimit 100"} {
		dir := t.TempDir()
		fixture.Write(t, filepath.Join(dir, "truth"), truth)
		l := publishing(t, pair, withSOA("a.test CNAME .\nbad.test CNAME rpz-nothing.\n"))
		corefile := downloaded(dir, l.URL, strings.ReplaceAll(settings, "URL", l.URL))
		t.Run("first", func(t *testing.T) { serve(t, corefile).expect("a.test.", "NXDOMAIN"+soa1) })
		if copies, _ := filepath.Glob(filepath.Join(dir, "*.list")); len(copies) != 1 {
			t.Errorf("%s: copies: %v", settings, copies)
		}
		l.gone.Store(true)
		t.Run("then", func(t *testing.T) { serve(t, corefile).expect("a.test.", "NXDOMAIN"+soa1) })
	}
}

func TestNothingIsAnsweredUnfilteredBeforeTheFirstList(t *testing.T) {
	pair, ca, _ := certified(t)
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	l := publishing(t, pair, withSOA("a.test CNAME .\n"))
	for name, settings := range map[string]string{
		"another key": "tls pin " + other, "not trusted": "", "too many lines": "tls ca " + ca + "\nlimit 2", "no digest": "tls ca " + ca + "\nchecksum https://127.0.0.1:1/",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fixture.Write(t, filepath.Join(dir, "truth"), truth)
			s := serve(t, downloaded(dir, l.URL, settings))
			time.Sleep(200 * time.Millisecond)
			if got := s.exchange(question("a.test.", dns.TypeA), "udp"); got.Rcode != dns.RcodeServerFailure {
				t.Errorf("got %s", got)
			}
			if files, _ := filepath.Glob(filepath.Join(dir, "*.list*")); len(files) != 0 {
				t.Errorf("files left: %v", files)
			}
		})
	}
}

func TestAZoneIsTransferredOverTLS(t *testing.T) {
	pair, ca, pin := certified(t)
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	p := startPrimary(t, "$TTL 60\n@ SOA ns. host. 1 3600 3600 3600 30\na.test CNAME .\n")
	_, listener := fixture.BothProtocols(t)
	server := &dns.Server{Listener: tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"dot"}}), Handler: p, TsigSecret: map[string]string{"feed.": secret}}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	p.addr = listener.Addr().String()
	for i, lines := range []string{"tls ca " + ca, "tls lists.invalid pin " + pin, "tls pin " + pin + "\nsource 127.0.0.1", "tls ca " + ca + "\nsource ::1 127.0.0.7"} {
		t.Run(lines, func(t *testing.T) {
			state := filepath.Join(dir, fmt.Sprint(i))
			s := serve(t, strings.NewReplacer("key feed", "key feed\n"+lines, "state "+dir, "state "+state).Replace(transferred(dir, p)))
			if !strings.Contains(lines, "invalid") {
				s.expect("a.test.", "NXDOMAIN"+soa1)
				return
			}
			time.Sleep(200 * time.Millisecond) // the name is not the certificate's
			if got := s.exchange(question("a.test.", dns.TypeA), "udp"); got.Rcode != dns.RcodeServerFailure {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestANotifyIsSignedWithTheAlgorithmOfItsKey(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	p := startPrimary(t, "$TTL 60\n@ SOA ns. host. 1 3600 3600 3600 30\na.test CNAME .\n")
	s := serve(t, transferred(dir, p))
	s.expect("a.test.", "NXDOMAIN"+soa1)
	for _, algorithm := range []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512} {
		for _, network := range []string{"udp", "tcp"} {
			want := dns.RcodeNotAuth
			if algorithm == dns.HmacSHA256 {
				want = dns.RcodeSuccess
			}
			client := dns.Client{Net: network, TsigSecret: map[string]string{"feed.": secret}, Timeout: 2 * time.Second}
			notify := new(dns.Msg).SetNotify("rpz1.")
			notify.SetTsig("feed.", algorithm, 300, time.Now().Unix())
			to := map[string]string{"udp": s.UDP, "tcp": s.TCP}[network]
			if reply, _, err := client.Exchange(notify, to); reply == nil || reply.Rcode != want {
				t.Errorf("%s over %s: %v, %v", algorithm, network, reply, err)
			}
		}
	}
}

func TestInvalidSettingsOfASourceNameTheirLine(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "rpz1"), withSOA("a.test CNAME .\n"))
	_, ca, pin := certified(t)
	for body, want := range map[string]string{
		"url":                                    "Testfile:3 - Error during parsing: zone x.: url: takes one argument, an https URL",
		"url http://lists.example":               `url: the scheme "http" is not supported`,
		"url https:///list":                      "url: the URL has no host",
		"url https://l.example/%zz?token=s3cret": "url: the URL cannot be parsed",
		"url https://l.example/\nfile DIR/rpz1":  "Testfile:4 - Error during parsing: zone x.: file: already set on line 3",
		"url https://l.example/\nchecksum http://l.example/":                      `Testfile:4 - Error during parsing: zone x.: checksum: the scheme "http"`,
		"url https://l.example/\nrefresh 1s":                                      `refresh: "1s" is not a duration from 1m to 168h`,
		"url https://l.example/\nrefresh 800h":                                    `refresh: "800h" is not a duration`,
		"url https://l.example/\nrefresh soon":                                    `refresh: "soon" is not a duration`,
		"url https://l.example/\ntls":                                             "tls: has no effect on a url without ca or pin",
		"url https://l.example/\ntls l.example":                                   "must have the name of its host",
		"url https://l.example/\ntls ca":                                          "tls: ca: takes one file",
		"url https://l.example/\ntls ca DIR/nowhere":                              "tls: ca: stat DIR/nowhere",
		"url https://l.example/\ntls ca DIR/rpz1":                                 "tls: ca: DIR/rpz1 has no PEM certificate",
		"url https://l.example/\ntls pin":                                         "tls: pin: takes key digests",
		"url https://l.example/\ntls pin abc":                                     `tls: pin: "abc" is not the SHA-256 digest of a key`,
		"primary 192.0.2.1\ntls a b":                                              "tls: takes [NAME] [ca FILE] [pin DIGEST...]",
		"primary 192.0.2.1\ntls pin PIN ca CA":                                    `pin: "ca" is not`,
		"primary 192.0.2.1\nchecksum https://l.example/":                          "Testfile:2: zone x: checksum: requires a url",
		"primary 192.0.2.1\nrefresh 1h":                                           "refresh: requires a url",
		"file DIR/rpz1\ntls ca CA":                                                "tls: requires a primary or a url",
		"file DIR/rpz1\nsource 192.0.2.1":                                         "source: requires a primary or a url",
		"file DIR/rpz1\nurl https://l.example/":                                   "Testfile:4 - Error during parsing: zone x.: url: already set on line 3",
		"primary 192.0.2.1\nsource":                                               "source: takes an IPv4 address",
		"primary 192.0.2.1\nsource here":                                          `source: "here" is not an address`,
		"primary 192.0.2.1\nsource 0.0.0.0":                                       `source: "0.0.0.0" is not an address that a connection can start from`,
		"primary 192.0.2.1\nsource 192.0.2.7 192.0.2.8":                           "source: 192.0.2.7 and 192.0.2.8 are of the same address family",
		"primary 192.0.2.1\nsource 2001:db8::7":                                   "source: the primary 192.0.2.1 is of the other address family",
		"primary 192.0.2.1 2001:db8::1\nsource 192.0.2.7":                         "source: the primary 2001:db8::1 is of the other address family",
		"url https://192.0.2.1/\nsource 2001:db8::7":                              "source: the host 192.0.2.1 of the url is of the other address family",
		"url https://[2001:db8::1]:444/\nsource 192.0.2.7":                        "source: the host 2001:db8::1 of the url is of the other address family",
		"url https://l.example/\nchecksum https://192.0.2.1/\nsource 2001:db8::7": "source: the host 192.0.2.1 of the checksum is of the other address family",
		"primary 192.0.2.1\ntls CA":                                               "is not a host name or address of a certificate; write ca before",
		"primary 192.0.2.1\ntls PIN":                                              "is not a host name or address of a certificate",
		"primary 192.0.2.1\nprimary 192.0.2.2":                                    "primary: already set on line 3",
		"primary 192.0.2.1\ntls pin PIN\ntls pin PIN":                             "tls: already set on line 4",
	} {
		in := strings.NewReplacer("DIR", dir, "CA", ca, "PIN", pin)
		_, err := parseText(in.Replace(body))
		if err == nil || !strings.Contains(err.Error(), in.Replace(want)) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q:\n got %v\nwant %s", body, err, want)
		}
	}
}

// parseText reads a block with one zone.
func parseText(zone string) (*stanza, error) {
	return parse(caddy.NewTestController("dns", "rpz {\nzone x {\n"+zone+"\n}\nstate "+os.TempDir()+"\n}"))
}

func TestSettingsApplyInAnyOrder(t *testing.T) {
	_, ca, pin := certified(t)
	for zone, want := range map[string]origin{
		"primary 192.0.2.1 2001:db8::1":                                  {primaries: "192.0.2.1:53 [2001:db8::1]:53"},
		"primary 192.0.2.1 192.0.2.2:5353\ntls pin PIN":                  {primaries: "192.0.2.1:853 192.0.2.2:5353", remote: remote{encrypted: true, trust: outbound.Trust{Pins: pin}}},
		"tls xfr.example ca CA pin PIN PIN\nprimary 192.0.2.1":           {primaries: "192.0.2.1:853", remote: remote{encrypted: true, trust: outbound.Trust{Name: "xfr.example", CA: ca, Pins: pin + " " + pin}}},
		"tls\nprimary 2001:db8::1":                                       {primaries: "[2001:db8::1]:853", remote: remote{encrypted: true}},
		"source 192.0.2.7\nprimary 192.0.2.1":                            {primaries: "192.0.2.1:53", remote: remote{sources: outbound.Sources{V4: netip.MustParseAddr("192.0.2.7")}}},
		"url https://l.example/a?b=c":                                    {remote: remote{url: "https://l.example/a?b=c", refresh: time.Hour}},
		"refresh 5m\nurl https://l.example/":                             {remote: remote{url: "https://l.example/", refresh: 5 * time.Minute}},
		"url https://l.example/\nrefresh 168h\nlimit 7":                  {limit: 7, remote: remote{url: "https://l.example/", refresh: 168 * time.Hour}},
		"checksum https://c.example/\nurl https://l.example/\ntls ca CA": {remote: remote{url: "https://l.example/", checksum: "https://c.example/", refresh: time.Hour, encrypted: true, trust: outbound.Trust{CA: ca}}},
	} {
		s, err := parseText(strings.NewReplacer("CA", ca, "PIN", pin).Replace(zone))
		if err != nil {
			t.Errorf("%q: %v", zone, err)
			continue
		}
		want.zone = "x."
		if got := s.zones[0].origin; got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", zone, got, want)
		}
	}
}

// TestAListIsDownloadedWithOneSetOfSettings has two blocks with the same list and different settings.
func TestAListIsDownloadedWithOneSetOfSettings(t *testing.T) {
	dir := t.TempDir()
	fixture.Write(t, filepath.Join(dir, "truth"), truth)
	one := downloaded(dir, "https://127.0.0.1:1", "")
	two := strings.NewReplacer(".:0", "other:0", "file "+dir+"/truth test", "whoami", "\nurl", "\nrefresh 2h\nurl").Replace(one)
	if instance, err := coredns.Start(one + "\n" + two); err == nil || !strings.Contains(err.Error(), "zone rpz1.: another server block has the same") {
		t.Errorf("%v", err)
		if err == nil {
			instance.ShutdownCallbacks()
			_ = instance.Stop()
		}
	}
}
