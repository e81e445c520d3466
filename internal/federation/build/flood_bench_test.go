package build

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation/staging"
)

// BenchmarkAClusterChangesBesideAFlood measures a build that touches all functions of a
// tenant with hundreds of them, each with many faults.
func BenchmarkAClusterChangesBesideAFlood(b *testing.B) {
	var weights, names []string
	for i := range 250 {
		weights = append(weights, fmt.Sprintf("%x=1", i))
	}
	for i := range 60 {
		names = append(names, fmt.Sprintf("n%d.fn.example.org", i))
	}
	for what, annotations := range map[string][]string{
		"none": nil, "weights": {"weights", strings.Join(weights, ",")}, "names": {"hostname", strings.Join(names, ","), "vip", "198.51.100.1,198.51.100.2"},
	} {
		b.Run(what, func(b *testing.B) {
			s, m, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
			for i := range 400 {
				f := service("evil", fmt.Sprint("f", i), annotations...)
				s.Put(staging.Whole(f))
				s.Put(staging.Whole(bound(f.Ref(), "a")))
			}
			for i := 0; b.Loop(); i++ {
				s.Put(staging.Whole(cluster("a", fmt.Sprintf("192.0.2.%d", 1+i%200))))
				m.Build(s, opts)
			}
		})
	}
}
