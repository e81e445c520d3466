package manifest

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestLittleIsKeptBesideTheObjects compares the heap with and without a Dir, whose objects a
// Store has, after files were read, and after functions were added to them.
func TestLittleIsKeptBesideTheObjects(t *testing.T) {
	for _, additions := range []int{0, 3} {
		const most = 48 // octets for each object
		if each := kept(t, additions); each > most {
			t.Errorf("after %d additions, %d octets are kept for each object, want at most %d", additions, each, most)
		}
	}
}

// kept returns how much a Dir keeps for each object, in octets.
func kept(t *testing.T, additions int) int {
	const files, functions = 4, 300 // of each file
	path := t.TempDir()
	d, store, objects := New(path), staging.NewStore(), 0
	for n := range 1 + additions {
		for i := range files {
			var all []fixture.Document
			for j := range functions + n {
				all = append(all, fixture.Function{Name: fmt.Sprintf("f%d-%d", i, j), Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()})
			}
			fixture.Write(t, filepath.Join(path, fmt.Sprint(i, ".yaml")), fixture.Documents(all...))
		}
		listing, err := d.Load()
		if err != nil {
			t.Fatal(err)
		}
		store.Replace(listing)
		objects = len(listing.Readings)
	}
	with := heap()
	runtime.KeepAlive(d)
	d = nil
	without := heap()
	runtime.KeepAlive(store)
	return (with - without) / objects
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // also what pools have
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
