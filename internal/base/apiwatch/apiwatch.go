// Package apiwatch follows one kind of a Kubernetes API and writes it to a store, as
// client-go's informers do, but without a second cache, and it reconnects soon after the
// API comes back.
package apiwatch

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// backoff applies while an API is unavailable: changes should be visible soon after it
// returns, but fifty sites must not all retry at once.
var backoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 5, Cap: 4 * time.Second}

// healthy is how long the API must have been available before the next failure counts as
// the first.
const healthy = time.Minute

// Follow delivers every object, and every change, to the store until ctx ends. It reports
// failures to report, which adds the kind, and continues.
func Follow(ctx context.Context, from cache.ListerWatcher, store Store, report func(error)) {
	reflector := cache.NewReflectorWithOptions(from, nil, reflected{store}, cache.ReflectorOptions{TypeDescription: "objects", Backoff: &backoff})
	// The function returns nil when ctx ends; otherwise it is called again.
	_ = backoff.DelayWithReset(clock.RealClock{}, healthy).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		if err := reflector.ListAndWatchWithContext(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		return false, nil
	})
}

// Lists is implemented by the typed client of every kind.
type Lists[L runtime.Object] interface {
	List(ctx context.Context, o metav1.ListOptions) (L, error)
	Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error)
}

// From returns a ListerWatcher of one kind that uses its client from the clientset.
func From[L runtime.Object](clientset any, kind Lists[L]) cache.ListerWatcher {
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return kind.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := kind.Watch(ctx, o)
			if err != nil && o.SendInitialEvents != nil {
				// A Reflector itself retries an error that starts with a refused
				// connection: it would not report the error, and would not stop with ctx.
				err = errors.New(err.Error())
			}
			return w, err
		},
	}, clientset)
}
