// Package apistream lists and watches a resource of a Kubernetes API, and reduces each object to
// what its reader keeps as soon as its encoding has arrived: neither the bytes of a list nor its
// objects are ever held together. client-go's Reflector does the rest: what to ask for, and what to
// do when the API refuses, expires or ends it.
//
// A response is split by one goroutine and decoded by as many as there are processors, in the order
// of the response. Everything here is safe for concurrent use.
package apistream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiclient"
	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// ListWatch lists and watches a resource, such as "services", whose objects have the type T. Each
// object arrives as an *Item[K]; the function makes what that keeps. Of an object that cannot be
// decoded it gets what was decoded, which begins with the metadata, and the error. It is called by
// several goroutines at a time and must not keep the object.
//
// Values of the unread types, made by Unread, are left zero.
func ListWatch[T, K any, P Object[T]](g apiclient.Group, resource string, which apiclient.Selection, reduce func(P, error) K, unread ...*json.Unmarshalers) cache.ListerWatcher {
	options := optionsOf(unread)
	r := requests[K]{
		get:    func(o metav1.ListOptions) request { return g.Get(resource, which, o) },
		decode: func(f frame) (*Item[K], error) { return decode[T, K, P](f, reduce, options) },
	}
	return apiwatch.From(r, r)
}

// request is what is used of a *rest.Request.
type request interface {
	Stream(context.Context) (io.ReadCloser, error)
}

// requests lists and watches one resource. It implements apiwatch.Lists.
type requests[K any] struct {
	get    func(metav1.ListOptions) request
	decode func(frame) (*Item[K], error)
}

// List implements apiwatch.Lists.
func (r requests[K]) List(ctx context.Context, o metav1.ListOptions) (*Items[K], error) {
	body, err := r.get(o).Stream(ctx)
	if err != nil {
		return nil, err
	}
	list := &Items[K]{}
	all := startStream(body, func(body io.Reader) (frames, error) { return listFrames(body, &list.head) }, r.decode)
	defer all.Close()
	for {
		one, err := all.next()
		switch {
		case err == io.EOF && !strings.HasSuffix(list.Kind, "List"):
			return nil, fmt.Errorf("the API answered with kind %q where a list is expected", list.Kind)
		case err == io.EOF:
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("the list cannot be read: %w", err)
		}
		list.Items = append(list.Items, one.item)
	}
}

// Watch implements apiwatch.Lists.
func (r requests[K]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	body, err := r.get(o).Stream(ctx)
	switch {
	case err == nil:
	case utilnet.IsProbableEOF(err) || utilnet.IsTimeout(err):
		return watch.NewEmptyWatch(), nil // as client-go takes a connection that ends early
	default:
		return nil, err
	}
	// 500 says that the cause is unknown, as for client-go's own watches.
	reporter := apierrors.NewClientErrorReporter(http.StatusInternalServerError, http.MethodGet, "ClientWatchDecoding")
	return watch.NewStreamWatcher(events[K]{startStream(body, eventFrames, r.decode)}, reporter), nil
}
