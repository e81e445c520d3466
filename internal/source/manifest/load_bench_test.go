package manifest

import (
	"fmt"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// BenchmarkLoad reads files of 500 functions in eight clusters each, as a large federation has
// them.
func BenchmarkLoad(b *testing.B) {
	clusters := make([]string, 8)
	for i := range clusters {
		clusters[i] = fmt.Sprint("c", i)
	}
	files, size := map[string]string{}, 0
	for i := range 8 {
		var all []fixture.Document
		for j := range 500 {
			all = append(all, fixture.Function{Name: fmt.Sprint("f", i*500+j), Clusters: clusters, Annotations: fixture.Unprobed()})
		}
		text := fixture.Documents(all...)
		files[fmt.Sprintf("%d.yaml", i)] = text
		size += len(text)
	}
	dir := fixture.Dir(b, files)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		listing, err := New(dir).Load()
		if err != nil || len(listing.Readings) != 8000 || len(listing.Faults) > 0 {
			b.Fatal(err, len(listing.Readings), listing.Faults)
		}
	}
}
