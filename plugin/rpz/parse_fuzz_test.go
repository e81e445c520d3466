package rpz

import (
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
)

// FuzzBlock holds that any block is either read, with values within their bounds, or refused with
// its line.
func FuzzBlock(f *testing.F) {
	for _, body := range []string{
		"zone a {\nfile x\npolicy nxdomain keep-local-data\nrecursive-only no\nadd-soa no\nmax-policy-ttl 0s\nlog no\n}\nmin-ns-dots 2\ndelegation on\nlog 5",
		"max-policy-ttl 24h\nzone a {\nprimary 192.0.2.1 key k\npolicy cname *.b\nede filtered\nclients ::1\n}\nlog 0",
		"zone a {\nurl https://a.example/b\nchecksum https://a.example/c\nrefresh 1h\npolicy disabled\nshadow\n}\nmin-ns-dots 126",
		"zone a {\nfile x\npolicy cname keep-local-data\n}",
		"zone a {\nfile x\n",
		"zone a {\nfile x\n}\n}\nzone b {\nfile y\nmax-policy-ttl -1s\n}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "ca") && strings.Contains(body, "tls") {
			return // the block names a file, which would be read
		}
		c := &caddy.Controller{Dispenser: caddyfile.NewDispenser("Corefile", strings.NewReader("rpz {\n"+body+"\n}\n"))}
		s, err := parse(c)
		if err != nil {
			if !strings.Contains(err.Error(), "Corefile:") {
				t.Errorf("an error without its line: %v", err)
			}
			return
		}
		for _, err := range s.contradictions() {
			if !strings.HasPrefix(err.Error(), "Corefile:") {
				t.Errorf("a contradiction without its line: %v", err)
			}
		}
		if s.minDots < 0 || s.minDots > mostDots || len(s.zones) == 0 {
			t.Errorf("%d zones, and min-ns-dots is %d", len(s.zones), s.minDots)
		}
		for _, z := range s.zones {
			if z.maxTTL < 0 || z.maxTTL > maxMaxTTL || z.maxTTL%time.Second != 0 {
				t.Errorf("zone %s: max-policy-ttl is %s", z.name, z.maxTTL)
			}
			if keep := z.override.keepLocal; keep && z.override.kind != overrideAction && z.override.kind != overrideCNAME {
				t.Errorf("zone %s: keep-local-data without an override", z.name)
			}
		}
	})
}
