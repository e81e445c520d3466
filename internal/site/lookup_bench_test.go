package site

import (
	"fmt"
	"testing"

	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// BenchmarkLookup does what a query does with the view: find the name, and pick.
func BenchmarkLookup(b *testing.B) {
	of := size{100000, 256, 1000, 8}
	s, at := still(b, of)
	s.rebuild(at)
	v := s.View()
	var names [][]byte
	for i := range 4096 {
		ref := serviceRef(i * 24)
		names = append(names, []byte(ref.Name+"."+ref.Namespace+".fn.example.org."))
	}
	for _, what := range []string{"name", "pick"} {
		b.Run(fmt.Sprint(what), func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				if what == "name" {
					if _, e := v.Names.Lookup(names[n%4096], nil); e != Exact {
						b.Fatal(e)
					}
				} else {
					v.Pick(v.Standing, steer.Question{Function: n * 24 % of.functions, Location: locate.ID(10 + n%900)})
				}
			}
		})
	}
}
