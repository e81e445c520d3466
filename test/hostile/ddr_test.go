package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// elsewhere starts a resolver that designates another one for every name, as a stranger
// would who wants a resolver's clients, and returns its address.
func elsewhere(t *testing.T) string {
	t.Helper()
	host := fixture.AnotherLoopback()
	addr := net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host)))
	path := filepath.Join(t.TempDir(), "Corefile")
	fixture.Write(t, path, fmt.Sprintf(`.:%s {
    bind %s
    template IN ANY . {
        answer "{{ .Name }} 300 IN SVCB 1 dns.elsewhere.example. alpn=h2 dohpath=/dns-query{?dns}"
        answer "{{ .Name }} 300 IN TXT elsewhere"
    }
}`, addr[strings.LastIndex(addr, ":")+1:], host))
	run(t, filepath.Join(bin, "coredns"), "-conf", path)
	eventually(t, "the upstream serves", func() error {
		_, err := dns.Exchange(new(dns.Msg).SetQuestion("up.example.", dns.TypeTXT), addr)
		return err
	})
	return addr
}

// steering is a block's part that reads the world's federation.
const steering = `
    nearcast fn.example.org {
        at mk/mk-skopje 42.00,21.43
        manifests {dir}/fed
        fallthrough
    }`

// policy is the part of a block that applies a zone of an attacker who wants clients too.
const policy = `
    rpz {
        zone local.rpz.example {
            file {dir}/local.rpz
        }
    }`

// leading has what leads a resolver's clients away.
func leading(texts ...string) bool {
	return strings.Contains(strings.Join(texts, " "), "elsewhere") || strings.Contains(strings.Join(texts, " "), "policy.example")
}

// TestAResolversClientsAreNotRedirected forwards to a resolver that designates another, in
// the ways in which our resolvers stand before one. For each the control is that the
// same server passes on other names.
func TestAResolversClientsAreNotRedirected(t *testing.T) {
	up := elsewhere(t)
	block := func(plugins string) string {
		return ".:{port} {\n    bind {host}" + plugins + "\n    cache\n    forward . " + up + "\n}\n"
	}
	for name, corefile := range map[string]string{
		"steered":               block(steering),
		"by policy":             block(policy),
		"both":                  block(policy + steering),
		"beside":                block("") + strings.Replace(block(steering), ".:", "fn.example.org:", 1),
		"with an empty line":    block(steering + "\n    ddr"),
		"all of arpa":           strings.Replace(block(""), ".:", "arpa:", 1) + strings.Replace(block(steering), ".:", "example.org:", 1) + strings.Replace(block(""), ".:", "example:", 1),
		"behind a view":         strings.Replace(block(steering), "bind {host}", "bind {host}\n    view all {\n        expr true\n    }", 1),
		"without a cache":       strings.Replace(block(steering), "cache", "", 1),
		"read on own sockets":   block("\n    direct" + steering),
		"with a name rewritten": block(steering + "\n    rewrite name old.example new.example"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fixture.Three[0])
			fixture.Write(t, filepath.Join(w.dir, "local.rpz"), `$TTL 60
@ SOA ns. host. 1 2 3 4 5
_dns.resolver.arpa SVCB 1 dns.policy.example. alpn=h2
*.resolver.arpa SVCB 1 dns.policy.example. alpn=h2
`)
			w.serve(t, corefile)
			for _, qname := range []string{"_dns.resolver.arpa.", "_DNS.RESOLVER.Arpa.", "resolver.arpa.", "x._dns.resolver.arpa."} {
				for _, qtype := range []uint16{dns.TypeSVCB, dns.TypeTXT, dns.TypeHTTPS, dns.TypeANY} {
					if got := w.ask(t, qname, qtype); got != "NOERROR" {
						t.Errorf("%s %s: %s, want NODATA", qname, dns.TypeToString[qtype], got)
					}
				}
			}
			tcp := dns.Client{Net: "tcp"}
			if reply, _, err := tcp.Exchange(new(dns.Msg).SetQuestion("_dns.resolver.arpa.", dns.TypeSVCB), w.addr); err != nil || leading(reply.String()) {
				t.Errorf("over TCP: %v, %v", reply, err)
			}
			if got := w.ask(t, "_dns.other.example.", dns.TypeSVCB); !leading(got) {
				t.Errorf("control: other names are not forwarded: %s", got)
			}
		})
	}
}

// TestTheRedirectionWorksWithoutProtection shows what CoreDNS does by default.
func TestTheRedirectionWorksWithoutProtection(t *testing.T) {
	w := newWorld(t)
	w.serve(t, ".:{port} {\n    bind {host}\n    forward . "+elsewhere(t)+"\n}")
	if got := w.ask(t, "_dns.resolver.arpa.", dns.TypeSVCB); !leading(got) {
		t.Errorf("got %s, want the designation of the upstream", got)
	}
}

// TestOthersReadTheDesignation has dig, kdig and delv ask over the protocols that they speak.
func TestOthersReadTheDesignation(t *testing.T) {
	dig, kdig := peers.Find(t, "dig", "bind9-dnsutils"), peers.Find(t, "kdig", "knot-dnsutils")
	delv := peers.Find(t, "delv", "bind9-dnsutils")
	w := newWorld(t, fixture.Three[0])
	host, port, _ := net.SplitHostPort(w.addr)
	dot, doh := strconv.Itoa(fixture.FreePort(t, host)), strconv.Itoa(fixture.FreePort(t, host))
	fixture.CertificateOf(t, filepath.Join(w.dir, "tls.crt"), filepath.Join(w.dir, "tls.key"), &x509.Certificate{
		Subject: pkix.Name{CommonName: "dns.carrier.example"}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"dns.carrier.example"}, IPAddresses: []net.IP{net.ParseIP(host)},
	})
	w.serve(t, strings.NewReplacer("UP", elsewhere(t), "DOT", dot, "DOH", doh).Replace(`(resolver) {
    bind {host}
    ddr {
        designate dns.carrier.example dot port DOT hint {host}
        designate dns.carrier.example h2 port DOH
    }
    nearcast fn.example.org {
        at mk/mk-skopje 42.00,21.43
        manifests {dir}/fed
        fallthrough
    }
    forward . UP
}
.:{port} {
    import resolver
}
tls://.:DOT https://.:DOH {
    tls {dir}/tls.crt {dir}/tls.key
    import resolver
}`))
	first := fmt.Sprintf(`1 dns.carrier.example. alpn=dot port=%s ipv4hint=%s`, dot, host)
	second := fmt.Sprintf(`2 dns.carrier.example. alpn=h2 port=%s`, doh)
	for what, program := range map[string]struct {
		peers.Program
		args []string
	}{
		"dig":               {dig, []string{"-p", port, "+noall", "+answer"}},
		"dig over TCP":      {dig, []string{"-p", port, "+tcp", "+noall", "+answer"}},
		"dig over TLS":      {dig, []string{"-p", dot, "+tls", "+noall", "+answer"}},
		"dig over HTTPS":    {dig, []string{"-p", doh, "+https", "+noall", "+answer"}},
		"kdig over TLS":     {kdig, []string{"-p", dot, "+tls", "+noall", "+answer"}},
		"delv, not trusted": {delv, []string{"-p", port, "-i"}},
	} {
		out, err := program.Command(append(program.args, "@"+host, "_dns.resolver.arpa", "SVCB")...).CombinedOutput()
		if text := strings.ReplaceAll(string(out), `"`, ""); err != nil || !strings.Contains(text, first) || !strings.Contains(text, second) {
			t.Errorf("%s: %v: %s, want\n%s\n%s", what, err, text, first, second)
		}
	}
	if err := discover(w.addr, filepath.Join(w.dir, "tls.crt"), host); err != nil {
		t.Error(err)
	}
	if err := discover(w.addr, filepath.Join(w.dir, "tls.crt"), "127.0.0.1"); err == nil {
		t.Error("control: a client accepts a certificate for another address")
	}
}

// TestACertificateIsRenewedUnderItsConnections has the shipped program follow a renewed
// certificate, and refuse a bad one by name.
func TestACertificateIsRenewedUnderItsConnections(t *testing.T) {
	w := newWorld(t, fixture.Three[0])
	host, _, _ := net.SplitHostPort(w.addr)
	dot := strconv.Itoa(fixture.FreePort(t, host))
	cert, key := filepath.Join(w.dir, "tls.crt"), filepath.Join(w.dir, "tls.key")
	renew := func(name string) {
		fixture.CertificateOf(t, cert, key, &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)})
	}
	renew("first")
	// The block of the certificate has none of our plugins; the Corefile has.
	server := w.serve(t, strings.Replace("fn.example.org:{port} {\n    bind {host}"+steering+"\n}\ntls://.:DOT {\n    bind {host}\n    tls {dir}/tls.crt {dir}/tls.key\n    whoami\n}", "DOT", dot, 1))
	client := dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	open, err := client.Dial(net.JoinHostPort(host, dot))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	ask := func() {
		t.Helper()
		if _, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.org.", dns.TypeA), open); err != nil {
			t.Errorf("the open connection was lost: %v", err)
		}
	}
	shown := func() string {
		conn, err := tls.Dial("tcp", net.JoinHostPort(host, dot), client.TLSConfig)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	becomes := func(want string) {
		t.Helper()
		eventually(t, "new connections get "+want, func() error {
			if got := shown(); got != want {
				return fmt.Errorf("got %s", got)
			}
			return nil
		})
	}
	ask()
	renew("second")
	becomes("second")
	ask()
	fixture.Write(t, cert, "half of a certificate")
	eventually(t, "it is rejected by name", func() error {
		if log := server.log.String(); !strings.Contains(log, "certificate "+cert) || !strings.Contains(log, "keeping the previous certificate") {
			return fmt.Errorf("got log %s", log)
		}
		return nil
	})
	becomes("second")
	renew("third")
	becomes("third")
	ask()
}

// discover is a client that finds its resolver's encrypted protocol and uses it, if its
// certificate is for the address that was asked (RFC 9462, section 4.2).
func discover(resolver, certificate, asked string) error {
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion("_dns.resolver.arpa.", dns.TypeSVCB), resolver)
	if err != nil || len(reply.Answer) == 0 {
		return fmt.Errorf("%v: %w", reply, err)
	}
	var port uint16
	var hint net.IP
	for _, value := range reply.Answer[0].(*dns.SVCB).Value {
		switch value := value.(type) {
		case *dns.SVCBPort:
			port = value.Port
		case *dns.SVCBIPv4Hint:
			hint = value.Hint[0]
		}
	}
	trusted, err := os.ReadFile(certificate)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	client := dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{RootCAs: roots, ServerName: asked}}
	_, _, err = client.Exchange(new(dns.Msg).SetQuestion("fn.example.org.", dns.TypeSOA), net.JoinHostPort(hint.String(), strconv.Itoa(int(port))))
	return err
}
