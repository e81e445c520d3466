package policyzone

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// large is the text of a zone with a name and its wildcard for each of n domains.
func large(n int) string {
	var b strings.Builder
	b.WriteString("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n")
	for i := range n {
		fmt.Fprintf(&b, "d%d.evil-domain%d.example CNAME .\n*.d%[1]d.evil-domain%[2]d.example CNAME .\n", i, i%1000)
	}
	return b.String()
}

func BenchmarkReadAMillionRules(b *testing.B) {
	text := large(500_000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		z, _, err := Read(strings.NewReader(text), "rpz.test", "large")
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		runtime.KeepAlive(z)
	}
}

func BenchmarkNamesAmongAMillionRules(b *testing.B) {
	z, _, err := Read(strings.NewReader(large(500_000)), "rpz.test", "large")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"www.unrelated.org.", "www.d77.evil-domain77.example.", "www.other.evil-domain77.example."} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z.ByName(QName, name)
			}
		})
	}
	b.Run("one change", func(b *testing.B) {
		rr, _ := dns.NewRR("new.evil-domain77.example.rpz.test. 60 IN A 192.0.2.1")
		b.ReportAllocs()
		for b.Loop() {
			e := z.Edit()
			if err := e.Add(rr); err != nil {
				b.Fatal(err)
			}
			if _, err := e.Zone(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAddresses(b *testing.B) {
	z, _, err := Read(strings.NewReader("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n24.0.2.0.192.rpz-ip CNAME .\n"), "rpz.test", "small")
	if err != nil {
		b.Fatal(err)
	}
	a := netip.MustParseAddr("198.51.100.1")
	b.ReportAllocs()
	for b.Loop() {
		z.ByAddress(IP, a)
	}
}
