package kube

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// mirror holds the objects of one kind as last reported by the API, stripped, also while the API is
// unavailable. It is an apiwatch.Store.
type mirror[T metav1.Object] struct {
	kind string
	from cache.ListerWatcher
	// strip drops unused fields from an object, and reports whether the object is needed at all. It
	// may be applied twice.
	strip   func(T) bool
	changed chan<- struct{}
	log     *slog.Logger

	mu      sync.Mutex
	objects map[types.NamespacedName]T
	listed  bool
	// fault is the last logged failure; "" once the API responds again.
	fault string
}

func newMirror[T metav1.Object](kind string, from cache.ListerWatcher, strip func(T) bool, c *Cluster) *mirror[T] {
	return &mirror[T]{kind: kind, from: from, strip: strip, changed: c.changed, log: c.log, objects: map[types.NamespacedName]T{}}
}

// run watches the kind until ctx ends.
func (m *mirror[T]) run(ctx context.Context) { apiwatch.Follow(ctx, m.from, m, m.report) }

// report logs a failure, once.
func (m *mirror[T]) report(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != err.Error() {
		m.fault = err.Error()
		m.log.Warn("cannot watch the cluster; keeping the last known state", "kind", m.kind, "error", err)
	}
}

// synced reports whether the API has listed every object once.
func (m *mirror[T]) synced() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.listed
}

// all returns the objects, which the caller must not modify.
func (m *mirror[T]) all() map[types.NamespacedName]T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

// change runs do under the lock, and signals the change.
func (m *mirror[T]) change(do func()) {
	m.mu.Lock()
	do()
	m.mu.Unlock()
	kick(m.changed)
}

func (m *mirror[T]) put(obj any) {
	o, ok := obj.(T)
	if !ok {
		return
	}
	if m.strip(o) {
		m.objects[nameOf(o)] = o
	} else {
		delete(m.objects, nameOf(o))
	}
}

// Strip implements apiwatch.Stripper.
func (m *mirror[T]) Strip(obj any) {
	if o, ok := obj.(T); ok {
		m.strip(o)
	}
}

// Put implements apiwatch.Store.
func (m *mirror[T]) Put(obj any) { m.change(func() { m.put(obj) }) }

// Delete implements apiwatch.Store.
func (m *mirror[T]) Delete(obj any) {
	m.change(func() {
		if o, ok := obj.(T); ok {
			delete(m.objects, nameOf(o))
		}
	})
}

// Replace implements apiwatch.Store.
func (m *mirror[T]) Replace(all []any) {
	m.change(func() {
		m.objects, m.listed, m.fault = make(map[types.NamespacedName]T, len(all)), true, ""
		for _, obj := range all {
			m.put(obj)
		}
	})
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// kick fills a channel with capacity one without blocking.
func kick(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it does already
	}
}
