package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// federations are the sizes that the benchmarks have.
var federations = []struct {
	functions, placements, clusters int
	// uneven is set if no two bindings say the same, as with replicas that scale.
	uneven bool
}{{10_000, 16, 16, false}, {100_000, 8, 256, false}, {100_000, 8, 256, true}}

// federationOf returns Services as an API has them, their bindings, and a verdict for each
// of their clusters.
func federationOf(functions, placements, clusters int, uneven bool) Contents {
	c := Contents{Saved: time.Now(), Confirmed: time.Now(), Verdicts: map[federation.Target]health.Verdict{}}
	name := func(i int) string { return fmt.Sprintf("cluster-%03d", i) }
	for i := range clusters {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i / 250), byte(i % 250)}), 443)
		c.Objects = append(c.Objects, &federation.Cluster{Meta: federation.Meta{
			Common: &federation.Common{Group: "cluster.karmada.io", Kind: "Cluster"}, Name: name(i), Annotations: federation.Annotations{{Key: "nearcast.dev/address", Value: at.String()}},
		}})
		c.Verdicts[federation.Target{Kind: federation.ProbeTCP, Addr: at}] = health.Verdict{State: health.Up, RTT: time.Millisecond, Since: c.Saved}
	}
	for i := range functions {
		service := federation.Ref{Kind: "Service", Namespace: fmt.Sprint("namespace-", i%100), Name: fmt.Sprint("function-", i)}
		meta := federation.NewMeta(service)
		meta.UID, meta.Created = federation.UIDOf(fmt.Sprintf("%08x-8b1c-4f6e-9d2a-5f3c7a9e1b20", i)), 1_700_000_000+int64(i)
		t := &federation.Template{Meta: meta, Service: &federation.Service{TCPPort: 80, Numbers: []federation.PortNumbers{{Port: 80, Target: 8080}}}, Selector: federation.LabelsOf(map[string]string{"app": service.Name})}
		t.Annotations = federation.Annotations{{Key: "nearcast.dev/policy", Value: "nearest"}}
		annotation.Parse(t)
		federation.Share(t)
		meta.Common, meta.Name = &federation.Common{Group: "work.karmada.io", Kind: "ResourceBinding", Namespace: service.Namespace}, service.Name+"-service"
		b := federation.NewBinding(meta, service)
		for p := range placements {
			cluster, replicas := name((i+p*clusters/placements)%clusters), int32(1)
			seen := federation.Observed{Applied: true, Health: federation.Healthy}
			if uneven {
				replicas = int32(i >> (2 * p) % 4)
				seen.Capacity = &federation.Capacity{Desired: replicas, Ready: replicas}
			}
			b.Place(cluster, replicas)
			b.Observe(cluster, seen)
		}
		federation.Share(b)
		c.Objects = append(c.Objects, t, b)
	}
	return c
}

func BenchmarkSnapshot(b *testing.B) {
	for _, of := range federations {
		c := federationOf(of.functions, of.placements, of.clusters, of.uneven)
		var file bytes.Buffer
		if err := write(&file, "k", c.Saved, held(c)); err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprintf("%dx%dof%d-uneven=%t", of.functions, of.placements, of.clusters, of.uneven)
		b.Run("save/"+name, func(b *testing.B) {
			measure(b, func() error { return write(io.Discard, "k", c.Saved, held(c)) })
			b.ReportMetric(float64(file.Len())/float64(of.functions), "octets/function")
		})
		b.Run("load/"+name, func(b *testing.B) {
			measure(b, func() error {
				_, err := read(bytes.NewReader(file.Bytes()), "k")
				return err
			})
		})
	}
}

// measure also reports processor time, which says more of what runs in parallel, and of a
// machine that does other things.
func measure(b *testing.B, what func() error) {
	b.ReportAllocs()
	before := processor(b)
	for b.Loop() {
		if err := what(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func processor(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
