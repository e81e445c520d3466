// Package apiwatch follows one kind of a Kubernetes API into a store, as
// client-go's informers do, but without a cache behind the store, and back soon
// after the API was away.
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

// backoff is for an API that is away: changes are to be seen soon after it is
// back, and fifty sites are not to ask all at once.
var backoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 5, Cap: 4 * time.Second}

// healthy is how long an API must have been there for the next failure to count
// as the first.
const healthy = time.Minute

// Follow tells the store of every object of the type, and of every change, until
// ctx ends. Failures go to report, and it goes on.
func Follow(ctx context.Context, object runtime.Object, from cache.ListerWatcher, store cache.ReflectorStore, report func(error)) {
	reflector := cache.NewReflectorWithOptions(from, object, store, cache.ReflectorOptions{Backoff: &backoff})
	// It returns nil when ctx ends, and otherwise is called again.
	_ = backoff.DelayWithReset(clock.RealClock{}, healthy).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		if err := reflector.ListAndWatchWithContext(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		return false, nil
	})
}

// Lists is what every typed client of a kind can do.
type Lists[L runtime.Object] interface {
	List(ctx context.Context, o metav1.ListOptions) (L, error)
	Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error)
}

// From reads one kind with its client, which belongs to the clientset.
func From[L runtime.Object](clientset any, kind Lists[L]) cache.ListerWatcher {
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return kind.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := kind.Watch(ctx, o)
			if err != nil && o.SendInitialEvents != nil {
				// A Reflector would try again by itself what begins with a connection that
				// is refused, say nothing of it, and not end with ctx.
				err = errors.New(err.Error())
			}
			return w, err
		},
	}, clientset)
}
