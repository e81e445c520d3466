package karmada

import (
	"context"
	"fmt"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
	"github.com/nearcast/nearcast/internal/base/brief"
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
	apiwatch.Follow(ctx, r.from, r, r.report)
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

// keep returns what an object of the API says. It refuses a bad object alone, by name. Of an object
// that the store has, it keeps the store's: a list after a failure takes little memory.
func (r *reader) keep(obj metav1.Object, err error) staging.Reading {
	if err == nil {
		return r.store.Same(read(obj))
	}
	ref, _ := slim.Ref(obj)
	return staging.Reading{Ref: ref, Faults: []federation.Fault{{Object: ref.String(), Reason: "cannot be decoded: " + brief.Text(err.Error())}}}
}

// read returns what an object of the API says.
func read(obj any) staging.Reading { return slim.Read(obj, federation.Origin{}, nil) }

// Put implements apiwatch.Store.
func (r *reader) Put(obj any) {
	if i, ok := obj.(*item); ok {
		r.store.Put(i.Kept.reading())
	}
}

// Delete implements apiwatch.Store.
func (r *reader) Delete(obj any) {
	if i, ok := obj.(*item); ok {
		r.store.Put(staging.Reading{Ref: i.Kept.reading().Ref})
	}
}

// Replace implements apiwatch.Store.
func (r *reader) Replace(list []any) {
	all := make([]staging.Reading, 0, len(list))
	for _, obj := range list {
		if i, ok := obj.(*item); ok {
			all = append(all, i.Kept.reading())
		}
	}
	r.store.ReplaceKind(r.group, r.kind, r.namespace, all)
	r.missing.Store(false)
	r.behind.Store(false)
	r.listed.Store(true)
}
