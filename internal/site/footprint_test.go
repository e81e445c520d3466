package site

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// TestAFunctionIsSmall holds the memory that a function takes, in bytes: what the source reported of it,
// what is built and compiled from that, its name and its standing.
func TestAFunctionIsSmall(t *testing.T) {
	for _, c := range []struct {
		of   size
		made func(testing.TB, size) (*Site, locations)
		most float64
	}{
		{size{10_000, 16, 1000, 16}, still, 800},
		{size{100_000, 256, 1000, 8}, still, 800},
		{size{10_000, 16, 1000, 16}, deployed, 1300},
	} {
		if testing.Short() && c.of.functions > 10_000 {
			continue
		}
		empty := heap()
		s, at := c.made(t, c.of)
		s.rebuild(at)
		per := float64(heap()-empty) / float64(c.of.functions)
		runtime.KeepAlive(s)
		t.Logf("%d functions in %d of %d clusters: %.0f bytes each", c.of.functions, c.of.placements, c.of.clusters, per)
		if per > c.most {
			t.Errorf("%.0f bytes for each of %d functions, want at most %.0f", per, c.of.functions, c.most)
		}
	}
}

// deployed is a Site like still's whose functions have what an API gives them: UIDs, times of creation,
// and Deployments that their selectors match.
func deployed(tb testing.TB, of size) (*Site, locations) {
	few := of
	few.functions = 0
	s, at := still(tb, few)
	for i := range of.functions {
		for _, o := range deployment(i, of) {
			s.store.Put(staging.Whole(o))
		}
	}
	return s, at
}

// deployment returns a function's Service and Deployment, and their bindings.
func deployment(i int, of size) []federation.Object {
	meta := func(r federation.Ref, part int) federation.Meta {
		m := federation.NewMeta(r)
		m.UID, m.Created = federation.UIDOf(fmt.Sprintf("%08x-0000-4000-8000-%012x", i, part)), 1_700_000_000+int64(i)
		return m
	}
	pods := func() federation.Labels {
		return federation.LabelsOf(map[string]string{"app": fmt.Sprintf("f%05d", i)})
	}
	service := serviceRef(i)
	work := federation.Ref{Group: "apps", Kind: "Deployment", Namespace: service.Namespace, Name: service.Name}
	t := &federation.Template{Meta: meta(service, 1), Selector: pods(), Service: &federation.Service{TCPPort: 80, Numbers: []federation.PortNumbers{{Port: 80, Target: 8080}}}}
	annotation.Parse(t)
	objects := []federation.Object{t, &federation.Workload{Meta: meta(work, 2), PodLabels: pods()}}
	for part, bound := range []federation.Ref{service, work} {
		name := bound.Name + map[string]string{"Service": "-service", "Deployment": "-deployment"}[bound.Kind]
		b := federation.NewBinding(meta(federation.Ref{Group: "work.karmada.io", Kind: "ResourceBinding", Namespace: bound.Namespace, Name: name}, 3+part), bound)
		b.Placing = binding(i, of, true).Placing
		objects = append(objects, b)
	}
	for _, o := range objects {
		federation.Share(o)
	}
	return objects
}
