package staging

import (
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// service returns a Service of the namespace ns with the port.
func service(name string, port uint16) *federation.Template {
	return &federation.Template{Meta: federation.NewMeta(federation.Ref{Kind: "Service", Namespace: "ns", Name: name}), Service: &federation.Service{TCPPort: port}}
}

// announced reports whether the Store announces a change, and takes the announcement.
func announced(s *Store) bool {
	select {
	case <-s.Changed():
		return true
	default:
		return false
	}
}

// TestAReadingIsTheNewestGoodVersion puts each kind of reading after a good version, and then
// once more.
func TestAReadingIsTheNewestGoodVersion(t *testing.T) {
	good, other := service("web", 80), service("web", 81)
	bad, warning := federation.Fault{Reason: "bad"}, federation.Fault{Reason: "is not read", Warning: true}
	for name, c := range map[string]struct {
		object federation.Object
		faults []federation.Fault
		want   federation.Object
	}{
		"another version":          {other, nil, other},
		"one that is bad in part":  {other, []federation.Fault{bad}, other},
		"a good one with warnings": {other, []federation.Fault{warning}, other},
		"one that is refused":      {nil, []federation.Fault{bad}, good},
		"refused, with a warning":  {nil, []federation.Fault{warning, bad}, good},
		"no longer one of ours":    {nil, []federation.Fault{warning}, nil},
		"gone":                     {nil, nil, nil},
	} {
		s := NewStore()
		s.Put(Whole(good))
		announced(s)
		r := Reading{good.Ref(), c.object, c.faults}
		if s.Put(r); !announced(s) {
			t.Errorf("%s: the change is not announced", name)
		}
		var last Change
		s.Changes(0, func(changes Changes) {
			for one := range changes.Objects {
				last = one
			}
		})
		if last.Is != c.want || len(last.Faults) != len(c.faults) {
			t.Errorf("%s: %v with faults %v, want %v with %v", name, last.Is, last.Faults, c.want, c.faults)
		}
		if s.Put(r); announced(s) {
			t.Errorf("%s: the same again is announced as a change", name)
		}
	}
}

func TestAChangeWithoutEffectIsNotReported(t *testing.T) {
	s := NewStore()
	s.Put(Whole(service("web", 80)))
	announced(s)
	s.Put(Whole(service("web", 80)))
	s.Replace(Listing{Readings: []Reading{Whole(service("web", 80))}})
	s.Amend(Listing{Readings: []Reading{Whole(service("web", 80))}})
	s.Put(Reading{Ref: federation.RefOf(service("absent", 0))})
	if announced(s) {
		t.Error("a change was reported")
	}
	if s.Replace(Listing{}); !announced(s) {
		t.Error("a deletion was not reported")
	}
	if s.Amend(Listing{Faults: []federation.Fault{{File: "a.yaml", Reason: "is not YAML"}}}); !announced(s) {
		t.Error("a file's fault was not announced")
	}
}
