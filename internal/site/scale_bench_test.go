package site

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/steer"
)

// many stages functions, each in eight of the clusters.
func many(functions, clusters int) *federation.Store {
	store := federation.NewStore()
	name := func(i int) string { return fmt.Sprintf("many-%03d", i%clusters) }
	for i := range clusters {
		c := &federation.Cluster{Meta: federation.Meta{Ref: federation.Ref{Group: "cluster.karmada.io", Kind: "Cluster", Name: name(i)}}, Region: fmt.Sprintf("r%d", i%20)}
		c.Gateways = map[string]federation.Endpoint{"": {V4: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}, Gateway: true}}
		store.Put(c)
	}
	for i := range functions {
		ref := federation.Ref{Kind: "Service", Namespace: fmt.Sprintf("ns%d", i%100), Name: fmt.Sprintf("f%05d", i)}
		store.Put(&federation.Template{Meta: federation.Meta{Ref: ref, UID: ref.Name}, TCPPort: 80, Probe: &federation.ProbeSpec{Kind: federation.ProbeNone}})
		b := &federation.Binding{Meta: federation.Meta{Ref: ref}, Resource: ref, Placed: map[string]int32{}, Observed: map[string]federation.Observed{}}
		b.Kind = "ResourceBinding"
		for c := range 8 {
			b.Placed[name(i+7*c)] = 1
			b.Observed[name(i+7*c)] = federation.Observed{Applied: true, Health: federation.Healthy}
		}
		store.Put(b)
	}
	return store
}

// BenchmarkAChange is what one change costs, from the store to the published view.
func BenchmarkAChange(b *testing.B) {
	store := many(10000, 200)
	config := Config{Zones: []string{"fn.example.org."}, Where: steer.Site{Region: "r1"}}
	at := locations{table: locate.Empty}
	var table *steer.Table
	var memory federation.Memory
	var standing *steer.Standing
	phase := map[string]time.Duration{}
	for b.Loop() {
		t0 := time.Now()
		state := build(config, store, at, nil, &memory)
		t1 := time.Now()
		all := targets(state)
		t2 := time.Now()
		v := newView(config, state, at.table, nil, table)
		t3 := time.Now()
		v.Standing = v.Stand(steer.Unprobed, standing)
		t4 := time.Now()
		table, standing = v.Table, v.Standing
		_ = all
		phase["build"] += t1.Sub(t0)
		phase["targets"] += t2.Sub(t1)
		phase["view"] += t3.Sub(t2)
		phase["stand"] += t4.Sub(t3)
	}
	for name, d := range phase {
		b.ReportMetric(float64(d.Milliseconds())/float64(b.N), name+"-ms/op")
	}
}
