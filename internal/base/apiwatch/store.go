package apiwatch

import "k8s.io/client-go/tools/cache"

// Store takes what Follow reads. Its methods are called one at a time, and cannot refuse an object:
// an error for one would keep all others away.
type Store interface {
	// Put takes an object that is new or has changed.
	Put(obj any)
	// Delete takes the last version of an object that has gone.
	Delete(obj any)
	// Replace takes every object: others are gone.
	Replace(all []any)
}

// Stripper is implemented by a Store that keeps only part of an object.
type Stripper interface {
	// Strip drops what is not used of an object, in place, as soon as it arrives.
	Strip(obj any)
}

// reflected is a Store as a Reflector writes to it.
type reflected struct{ store Store }

var (
	_ cache.ReflectorStore    = reflected{}
	_ cache.TransformingStore = reflected{}
)

// Transformer implements cache.TransformingStore.
func (r reflected) Transformer() cache.TransformFunc {
	stripper, ok := r.store.(Stripper)
	if !ok {
		return nil
	}
	return func(obj any) (any, error) {
		stripper.Strip(obj)
		return obj, nil
	}
}

// Add implements cache.ReflectorStore.
func (r reflected) Add(obj any) error { return r.Update(obj) }

// Update implements cache.ReflectorStore.
func (r reflected) Update(obj any) error {
	r.store.Put(obj)
	return nil
}

// Delete implements cache.ReflectorStore.
func (r reflected) Delete(obj any) error {
	r.store.Delete(obj)
	return nil
}

// Replace implements cache.ReflectorStore.
func (r reflected) Replace(list []any, _ string) error {
	r.store.Replace(list)
	return nil
}

// Resync implements cache.ReflectorStore; a Store needs none.
func (r reflected) Resync() error { return nil }
