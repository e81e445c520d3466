package karmada

import (
	"context"
	"fmt"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/slim"
)

// reader follows one kind, in one namespace or in all, and stages what it reads. It is
// client-go's Reflector without a cache behind it: the federation's Store is the cache,
// and takes a tenth of the memory.
type reader struct {
	group, kind, namespace string
	// optional kinds may be missing or unreadable.
	optional bool
	object   runtime.Object
	from     cache.ListerWatcher
	store    *staging.Store
	onError  func(error)

	// listed is set once the API has listed every object; missing, if it does not serve the
	// kind; failed, once the kind could not be read, for example because it is forbidden.
	listed, missing, failed atomic.Bool
	// behind is set from a failure until the next list.
	behind atomic.Bool
}

// run follows the kind until ctx ends.
func (r *reader) run(ctx context.Context) {
	apiwatch.Follow(ctx, r.object, r.from, r, r.report)
}

// done reports whether the API has listed the kind, or the kind is optional and will not
// be listed: at once if the API does not serve it and, if waited is set, once it could
// not be read.
func (r *reader) done(waited bool) bool {
	return r.listed.Load() || r.optional && (r.missing.Load() || waited && r.failed.Load())
}

func (r *reader) report(err error) {
	r.failed.Store(true)
	r.behind.Store(true)
	missing := apierrors.IsNotFound(err)
	known := r.missing.Swap(missing)
	switch {
	case r.optional && missing && known: // reported once: nobody needs to act
	case r.optional && missing:
		r.onError(fmt.Errorf("karmada: this API does not serve %s; continuing without it", r.kind))
	case !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err): // expired and gone ones are listed again
		r.onError(fmt.Errorf("karmada: %s: %w", r.kind, err))
	}
}

// Transformer implements cache.TransformingStore: it drops fields that are never read as
// soon as they arrive.
func (r *reader) Transformer() cache.TransformFunc { return strip }

// read returns what an object of the API says.
func read(obj any) staging.Reading { return slim.Read(obj, federation.Origin{}, nil) }

// Add implements cache.ReflectorStore.
func (r *reader) Add(obj any) error { return r.Update(obj) }

// Update implements cache.ReflectorStore. It refuses a bad object alone, by name, and
// returns no error for it.
func (r *reader) Update(obj any) error {
	r.store.Put(read(obj))
	return nil
}

// Delete implements cache.ReflectorStore.
func (r *reader) Delete(obj any) error {
	if ref, ok := slim.Ref(obj); ok {
		r.store.Put(staging.Reading{Ref: ref})
	}
	return nil
}

// Replace implements cache.ReflectorStore: objects that are not in the list are gone.
func (r *reader) Replace(list []any, _ string) error {
	all := make([]staging.Reading, 0, len(list))
	for _, obj := range list {
		all = append(all, read(obj))
	}
	r.store.ReplaceKind(r.group, r.kind, r.namespace, all)
	r.missing.Store(false)
	r.behind.Store(false)
	r.listed.Store(true)
	return nil
}

// Resync implements cache.ReflectorStore; the Store needs none.
func (r *reader) Resync() error { return nil }
