package index

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// thing is found by each of its names.
type thing struct{ names []string }

func hasName(t *thing, name string) bool { return slices.Contains(t.names, name) }

// TestAnIndexFindsWhatAMapFinds makes the same random changes to an Index and to a map. There are few
// keys, so that searches pass over many others.
func TestAnIndexFindsWhatAMapFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SampledFrom([]int{3, 20, 400}).Draw(t, "keys")
		x, m := New(hasName), map[string]*thing{}
		for range rapid.IntRange(1, 1000).Draw(t, "changes") {
			key := fmt.Sprint(rapid.IntRange(0, keys).Draw(t, "key"))
			switch rapid.SampledFrom([]string{"put", "put", "put one of two names", "delete"}).Draw(t, "what") {
			case "put":
				m[key] = &thing{[]string{key}}
				x.Put(key, m[key])
			case "put one of two names":
				both := &thing{[]string{key, "other " + key}}
				for _, name := range both.names {
					m[name] = both
					x.Put(name, both)
				}
			case "delete":
				delete(m, key)
				x.Delete(key)
			}
		}
		compare(t, &x, m, keys)
		before, copied := maps.Clone(m), x.Clone()
		for key := range m {
			x.Delete(key)
		}
		compare(t, &x, nil, keys)
		compare(t, &copied, before, keys)
	})
}

func compare(t *rapid.T, x *Index[string, *thing], m map[string]*thing, keys int) {
	for i := range keys + 1 {
		for _, key := range []string{fmt.Sprint(i), "other " + fmt.Sprint(i)} {
			if x.Get(key) != m[key] {
				t.Fatalf("%q: found %v, want %v", key, x.Get(key), m[key])
			}
		}
	}
	found := map[*thing]int{}
	for v := range x.All() {
		found[v]++
	}
	want := map[*thing]int{}
	for _, v := range m {
		want[v]++
	}
	if x.Len() != len(m) || !maps.Equal(found, want) {
		t.Fatalf("%d keys and %d values, want %d and %d", x.Len(), len(found), len(m), len(want))
	}
}

// TestAValueHasTwoKeysOfNearlyOneHash has a value with two keys whose hashes begin with the same 32 bits, as
// some of a hundred thousand workloads with several labels have. Taking one key away leaves the other.
func TestAValueHasTwoKeysOfNearlyOneHash(t *testing.T) {
	x, seen := New(hasName), map[uint64]string{}
	for i := 0; ; i++ {
		key := fmt.Sprint(i)
		other, near := seen[x.hashOf(key)>>32]
		if seen[x.hashOf(key)>>32] = key; !near {
			continue
		}
		both := &thing{[]string{key, other}}
		x.Put(key, both)
		x.Put(other, both)
		x.Put(other, &thing{[]string{other}})
		if x.Len() != 2 || x.Get(key) != both {
			t.Errorf("%d keys, want both", x.Len())
		}
		x.Delete(other)
		if x.Get(key) != both || x.Get(other) != nil {
			t.Error("the other key is gone, want it alone")
		}
		return
	}
}

// TestAnIndexIsSmallAndShrinks fills an Index, and takes all but a few of its values away.
func TestAnIndexIsSmallAndShrinks(t *testing.T) {
	const many = 100_000
	x := New(hasName)
	for i := range many {
		key := fmt.Sprint(i)
		x.Put(key, &thing{[]string{key}})
	}
	if per := float64(16*len(x.hashes)) / many; per > 24 {
		t.Errorf("%.1f bytes for each key, want at most 24", per)
	}
	for i := 10; i < many; i++ {
		x.Delete(fmt.Sprint(i))
	}
	if len(x.hashes) > 40 {
		t.Errorf("%d slots for %d keys", len(x.hashes), x.Len())
	}
}

// TestNothingIsAllocatedToFindAValue looks a value up that is there, and one that is not.
func TestNothingIsAllocatedToFindAValue(t *testing.T) {
	type ref struct{ kind, name string }
	x := New(func(v *ref, key ref) bool { return *v == key })
	x.Put(ref{"Service", "a"}, &ref{"Service", "a"})
	there, absent := ref{"Service", "a"}, ref{"Service", "b"}
	n := testing.AllocsPerRun(100, func() {
		if x.Get(there) == nil || x.Get(absent) != nil {
			t.Fatal("finds the wrong one")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
	runtime.KeepAlive(x)
}

// TestAnIndexIsFilledFromAnotherAsFast puts half of the values of an Index into another one, in the
// order in which All yields them.
func TestAnIndexIsFilledFromAnotherAsFast(t *testing.T) {
	const many = 20_000
	from, to := New(hasName), New(hasName)
	for i := range many {
		key := fmt.Sprint(i)
		from.Put(key, &thing{[]string{key}})
	}
	for v := range from.All() {
		if to.Put(v.names[0], v); to.Len() == many/2 {
			break
		}
	}
	passed := 0
	for slot, hash := range to.hashes {
		if hash != 0 {
			passed += to.distance(to.home(hash), slot)
		}
	}
	if mean := float64(passed) / many * 2; mean > 10 {
		t.Errorf("a search passes over %.1f values, want at most 10", mean)
	}
}
