package nearcast

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/cookie"
)

const sharedCookies = `fn.example.org:0 {
	bind LOOPBACK
	nearcast {
		cluster mk-core
		manifests DIR/manifests
		cookies require secret DIR/secrets
	}
}`

// cookied queries with a cookie, and returns the rcode and the cookie of the answer.
func (s *server) cookied(cookie string) (rcode int, got string) {
	m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
	reply := s.exchange(m)
	for _, o := range reply.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok {
			got = c.Cookie
		}
	}
	return reply.Rcode, got
}

// TestSecretsRollOverWhileItServes follows the man page at two sites, one after the
// other: no client's cookie is refused at any time.
func TestSecretsRollOverWhileItServes(t *testing.T) {
	const old, next = "00112233445566778899aabbccddeeff\n", "ffeeddccbbaa99887766554433221100\n"
	var sites []*server
	var files []string
	for range 2 {
		dir := federated(t, hello)
		files = append(files, filepath.Join(dir, "secrets"))
		fixture.Write(t, files[len(files)-1], old)
		sites = append(sites, serve(t, sharedCookies, dir))
	}
	_, held := sites[0].cookied("0123456789abcdef")
	for _, secrets := range []string{old + next, next + old, next} {
		for i, file := range files {
			fixture.Write(t, file, secrets)
			for seen := false; !seen; time.Sleep(10 * time.Millisecond) {
				seen = sites[i].hasSecretsOf(file)
				for at, s := range sites {
					rcode, renewed := s.cookied(held)
					if rcode != dns.RcodeSuccess || len(renewed) != 48 {
						t.Fatalf("site %d, while %q came to site %d: %s and %q", at, secrets, i, dns.RcodeToString[rcode], renewed)
					}
					held = renewed
				}
			}
		}
	}
	if rcode, _ := sites[0].cookied("0123456789abcdef"); rcode != dns.RcodeBadCookie {
		t.Errorf("without a server cookie: %s, so the cookies above prove nothing", dns.RcodeToString[rcode])
	}
}

// hasSecretsOf reports whether the server has read the secrets in the file.
func (s *server) hasSecretsOf(file string) bool {
	want, err := cookie.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	i, _ := instances.In(s.Instance)
	return slices.Equal(i.sources[0].blocks[0].Cookies().Secrets(), want.Secrets())
}

// TestCookiesCanBeLeftOut checks that the option is then treated like any unknown one.
func TestCookiesCanBeLeftOut(t *testing.T) {
	s := serve(t, `fn.example.org:0 {
	bind LOOPBACK
	nearcast {
		cluster mk-core
		manifests DIR/manifests
		cookies off
	}
}`, federated(t, hello))
	for _, cookie := range []string{"0123456789abcdef", "01"} {
		if rcode, got := s.cookied(cookie); rcode != dns.RcodeSuccess || got != "" {
			t.Errorf("%s had %s and %q", cookie, dns.RcodeToString[rcode], got)
		}
	}
}

// TestOnlyQueriesAreAnswered sends NOTIFY, which CoreDNS accepts and anybody can forge.
func TestOnlyQueriesAreAnswered(t *testing.T) {
	s := serve(t, "fn.example.org:0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t}\n}", federated(t, hello))
	for _, name := range []string{"hello.demo.fn.example.org.", "fn.example.org."} {
		for opcode, want := range map[int]int{dns.OpcodeNotify: dns.RcodeNotImplemented, dns.OpcodeQuery: dns.RcodeSuccess} {
			m := new(dns.Msg).SetQuestion(name, dns.TypeSOA)
			m.Opcode = opcode
			if got := s.exchange(m); got.Rcode != want || (want != dns.RcodeSuccess) != (len(got.Answer)+len(got.Ns) == 0) {
				t.Errorf("%s\n%s", dns.OpcodeToString[opcode], got)
			}
		}
	}
}
