package apiclient

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// ListWatch lists and watches a resource, such as "services", whose lists have the type L.
func ListWatch[L any, PL interface {
	*L
	runtime.Object
}](g Group, resource string, which Selection) cache.ListerWatcher {
	return apiwatch.From(g.client, objects[PL]{g, resource, which, func() PL { return new(L) }})
}

// objects accesses the objects of one resource as a generated client does. client-go's gentype
// would do so too, but its fakes link OpenAPI code.
type objects[L runtime.Object] struct {
	group    Group
	resource string
	which    Selection
	newList  func() L
}

// List implements apiwatch.Lists.
func (r objects[L]) List(ctx context.Context, o metav1.ListOptions) (L, error) {
	list := r.newList()
	return list, r.group.Get(r.resource, r.which, o).Do(ctx).Into(list)
}

// Watch implements apiwatch.Lists.
func (r objects[L]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	return r.group.Get(r.resource, r.which, o).Watch(ctx)
}
