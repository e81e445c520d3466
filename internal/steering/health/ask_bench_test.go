package health

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
)

// BenchmarkAsk measures one probe of each kind with servers in another process; cpu-ns is the time
// that processors spent in this one.
func BenchmarkAsk(b *testing.B) {
	at := startProbed(b)
	for _, target := range []federation.Target{
		{Kind: federation.ProbeTCP, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.plain)},
		{Kind: federation.ProbeHTTP, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.web), Host: "hello.demo.fn.example.org", Path: "/healthz"},
	} {
		b.Run(string(target.Kind), func(b *testing.B) {
			b.ReportAllocs()
			ask := Ask(TLS{})
			user, kernel := processorTime()
			n := 0
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				if _, err := ask(ctx, target); err != nil {
					b.Fatal(err)
				}
				cancel()
				n++
			}
			userNow, kernelNow := processorTime()
			b.ReportMetric(float64(userNow-user)/float64(n), "user-ns/op")
			b.ReportMetric(float64(kernelNow-kernel)/float64(n), "kernel-ns/op")
		})
	}
}
