package build

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/nearcast/nearcast/internal/federation"
)

const (
	// maxFaults bounds the faults that are kept, logged and reported for one namespace,
	// because its tenant controls them; a last fault counts the rest.
	maxFaults = 64
	// maxReasons bounds the reasons that one annotation's fault lists.
	maxReasons = 3
)

// faults holds all faults by namespace: faults in one namespace cost the others nothing.
type faults struct {
	in map[string]*faultsOf
	// files are faults of files that hold no readable object.
	files []federation.Fault
	// changed is set if the list is out of date.
	changed bool
}

// faultsOf holds one namespace's faults; those of clusters are in the namespace "".
type faultsOf struct {
	staged map[federation.Ref][]federation.Fault // of objects, found by their source
	made   map[*entry]bool                       // entries with faults
	listed []federation.Fault
	stale  bool
}

func (f *faults) of(namespace string) *faultsOf {
	of := f.in[namespace]
	if of == nil {
		of = &faultsOf{staged: map[federation.Ref][]federation.Fault{}, made: map[*entry]bool{}}
		f.in[namespace] = of
	}
	return of
}

// stage records the faults of an object.
func (f *faults) stage(ref federation.Ref, all []federation.Fault) {
	if len(all) == 0 && f.in[ref.Namespace] == nil {
		return
	}
	of := f.of(ref.Namespace)
	if slices.Equal(of.staged[ref], all) {
		return
	}
	of.stale, f.changed = true, true
	if of.staged[ref] = all; len(all) == 0 {
		delete(of.staged, ref)
	}
}

// stageFiles records the faults of files.
func (f *faults) stageFiles(all []federation.Fault) {
	if !slices.Equal(f.files, all) {
		f.files, f.changed = all, true
	}
}

// note records that the entry's faults changed.
func (f *faults) note(e *entry) {
	of := f.of(e.template.Namespace)
	of.stale, f.changed = true, true
	if of.made[e] = true; len(e.faults) == 0 {
		delete(of.made, e)
	}
}

// list returns the faults, sorted, at most maxFaults of each namespace.
func (f *faults) list() []federation.Fault {
	all := first(slices.Values(f.files), "files")
	for namespace, of := range f.in {
		if len(of.staged)+len(of.made) == 0 {
			delete(f.in, namespace)
			continue
		}
		if of.stale {
			name := "namespace " + namespace
			if namespace == "" {
				name = "clusters"
			}
			of.listed, of.stale = first(of.each, name), false
			for i := range of.listed {
				of.listed[i].Namespace = namespace
			}
		}
		all = append(all, of.listed...)
	}
	slices.SortFunc(all, federation.Fault.Compare)
	return all
}

// each yields all of them.
func (of *faultsOf) each(yield func(federation.Fault) bool) {
	for _, faults := range of.staged {
		for _, one := range faults {
			if !yield(one) {
				return
			}
		}
	}
	for e := range of.made {
		for _, one := range e.faults {
			if !yield(one) {
				return
			}
		}
	}
}

// first returns the first maxFaults faults in sorted order, and one more that counts the
// others.
func first(faults iter.Seq[federation.Fault], of string) []federation.Fault {
	var all []federation.Fault
	left, bad := 0, false
	for one := range faults {
		if len(all) == maxFaults && one.Compare(all[maxFaults-1]) >= 0 {
			left, bad = left+1, bad || one.Refuses()
			continue
		}
		i, _ := slices.BinarySearchFunc(all, one, federation.Fault.Compare)
		if all = slices.Insert(all, i, one); len(all) > maxFaults {
			last := all[maxFaults]
			all, left, bad = all[:maxFaults], left+1, bad || last.Refuses()
		}
	}
	if left > 0 {
		all = append(all, federation.Fault{Object: of, Reason: fmt.Sprintf("has %d more faults; only %d are listed", left, maxFaults), Warning: !bad})
	}
	return all
}

// said counts, by key, the faults of annotations that are not named.
type said struct {
	named, more map[string]int
}

// enough reports whether no further fault of the key is to be named; it then counts one.
func (s *said) enough(key string) bool {
	if key == "" {
		return false
	}
	if s.named == nil {
		s.named, s.more = map[string]int{}, map[string]int{}
	}
	if s.named[key] >= maxReasons {
		s.more[key]++
		return true
	}
	s.named[key]++
	return false
}

// joined merges the faults of each annotation into one, which names maxReasons reasons and
// counts the others.
func joined(all []federation.Fault, said said) []federation.Fault {
	if len(all) < 2 {
		return all
	}
	var one []federation.Fault
	more := map[string]int{} // by key
	maps.Copy(more, said.more)
	named := map[string]int{}
	at := map[string]int{}
	for _, f := range all {
		i, before := at[f.Key]
		switch named[f.Key]++; {
		case f.Key == "" || !before:
			at[f.Key] = len(one)
			one = append(one, f)
		case named[f.Key] <= maxReasons:
			one[i].Reason += "; " + f.Reason
		default:
			more[f.Key]++
		}
	}
	for key, n := range more {
		one[at[key]].Reason += fmt.Sprintf("; and %d more", n)
	}
	return one
}
