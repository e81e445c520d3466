package plainyaml

import (
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// BenchmarkParse compares the Parser with the library.
func BenchmarkParse(b *testing.B) {
	clusters := []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"}
	text := fixture.Documents(fixture.Function{Name: "hello", Clusters: clusters, Annotations: fixture.Unprobed()})
	service, binding, _ := strings.Cut(text, "\n---\n")
	documents := [][]byte{[]byte(service + "\n"), []byte(binding)}
	for name, parse := range map[string]func([]byte) bool{
		"plain": func() func([]byte) bool {
			p := new(Parser)
			return func(d []byte) bool { _, ok := p.Parse(d, 1); return ok }
		}(),
		"library": func(d []byte) bool { _, err := library(d); return err == nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				for _, d := range documents {
					if !parse(d) {
						b.Fatal("is not parsed")
					}
				}
			}
		})
	}
}
