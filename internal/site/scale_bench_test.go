package site

import (
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/resolve"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// size is the size of a federation.
type size struct {
	functions, clusters, locations int
	// placements is the number per function; a function that runs everywhere is rare, and
	// eight clusters are already more than most federations place one in.
	placements int
}

// still is a Site of the size without goroutines: a benchmark calls what the publisher
// does. Functions are reached, and by default probed, at their clusters' gateways.
func still(tb testing.TB, of size) (*Site, locations) {
	tb.Helper()
	config := Config{Zones: []string{"fn.example.org."}, Where: steer.Site{Region: "r1"}, Probe: health.Default}
	s := &Site{
		config: config, log: &testLog{}, store: staging.NewStore(), prober: health.New(config.Probe, nil),
		resolver: resolve.New(nil, nil), drains: &drains{}, activity: newActivities(0), first: make(chan struct{}), targets: targets{},
	}
	s.next.Store(new(make(chan struct{})))
	for i := range of.clusters {
		s.store.Put(staging.Whole(&federation.Cluster{
			Meta: federation.NewMeta(federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: clusterName(i)}), Region: fmt.Sprintf("r%d", i%20),
			Coordinates: &federation.Coordinates{Lat: float64(i % 90), Lon: float64(i % 180)},
			Gateways:    map[string]federation.Endpoint{"": {V4: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, byte(2 + i/250), byte(i % 250)})}, Gateway: true}},
		}))

	}
	for i := range of.functions {
		t := &federation.Template{Meta: federation.NewMeta(serviceRef(i)), Service: &federation.Service{TCPPort: 80}}
		annotation.Parse(t)
		federation.Share(t)
		s.store.Put(staging.Whole(t))
		s.store.Put(staging.Whole(binding(i, of, true)))
	}
	entries := make([]locate.Entry, of.locations)
	for i := range entries {
		entries[i] = locate.Entry{
			Prefix:   netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i)}), 24),
			Location: locate.Location{Region: fmt.Sprintf("r%d", i%20), Zone: fmt.Sprintf("z%d", i)},
		}
	}
	return s, locations{table: locate.New(entries)}
}

func clusterName(i int) string { return fmt.Sprintf("many-%03d", i) }

func serviceRef(i int) federation.Ref {
	return federation.Ref{Kind: "Service", Namespace: fmt.Sprintf("ns%d", i%100), Name: fmt.Sprintf("f%05d", i)}
}

// binding places a function, with or without its first cluster.
func binding(function int, of size, first bool) *federation.Binding {
	ref := serviceRef(function)
	b := federation.NewBinding(federation.NewMeta(federation.Ref{Group: "work.karmada.io", Kind: "ResourceBinding", Namespace: ref.Namespace, Name: ref.Name + "-service"}), ref)
	for i := range of.placements {
		if i == 0 && !first {
			continue
		}
		cluster := clusterName((function + i*of.clusters/of.placements) % of.clusters)
		b.Place(cluster, 1)
		b.Observe(cluster, federation.Observed{Applied: true, Health: federation.Healthy})
	}
	federation.Share(b)
	return b
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // kept by finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// processorTime returns the time that processors spent on this process.
func processorTime(tb testing.TB) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkAChange measures the cost of adding or removing one placement, from the store
// to the published view, and the memory at rest: of the store (what the source reported)
// and of everything made from it.
func BenchmarkAChange(b *testing.B) {
	for _, of := range []size{{10000, 16, 1000, 16}, {1000, 256, 1000, 8}, {10000, 256, 1000, 8}, {100000, 256, 1000, 8}, {1000, 256, 1000, 256}, {10000, 256, 1000, 256}, {100000, 256, 1000, 256}} {
		b.Run(fmt.Sprintf("functions=%d/clusters=%d/placements=%d", of.functions, of.clusters, of.placements), func(b *testing.B) {
			empty := heap()
			s, at := still(b, of)
			staged := heap()
			began, busy := time.Now(), processorTime(b)
			s.rebuild(at)
			first, used := time.Since(began), processorTime(b)-busy
			all := heap()
			b.ReportAllocs()
			n, busy := 0, processorTime(b)
			for b.Loop() {
				n++
				s.store.Put(staging.Whole(binding(of.functions/2, of, n%2 == 0)))
				s.rebuild(at)
			}
			b.ReportMetric(float64((processorTime(b)-busy).Nanoseconds())/float64(n), "cpu-ns/op")
			b.ReportMetric(float64(staged-empty)/1e6, "store-MB")
			b.ReportMetric(float64(all-staged)/1e6, "made-MB")
			b.ReportMetric(float64(all-empty)/float64(of.functions), "B/function")
			b.ReportMetric(float64(first.Milliseconds()), "first-ms")
			b.ReportMetric(float64(used.Milliseconds()), "first-cpu-ms")
			runtime.KeepAlive(s)
		})
	}
}
