package apiclient

import (
	"context"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/nearcast/nearcast/internal/base/apiwatch"
)

// Selection is which of a resource's objects are listed and watched. The zero value is all.
type Selection struct {
	// Namespace is theirs; "" means all namespaces, or that the kind has none.
	Namespace string
	// Name is that of the only object; "" means all.
	Name string
}

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
	return list, r.get(o).Do(ctx).Into(list)
}

// Watch implements apiwatch.Lists.
func (r objects[L]) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.Watch = true
	return r.get(o).Watch(ctx)
}

func (r objects[L]) get(o metav1.ListOptions) *rest.Request {
	if r.which.Name != "" {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, r.which.Name).String()
	}
	request := r.group.Request(http.MethodGet, &o).NamespaceIfScoped(r.which.Namespace, r.which.Namespace != "").Resource(r.resource)
	if o.TimeoutSeconds != nil {
		request.Timeout(time.Duration(*o.TimeoutSeconds) * time.Second)
	}
	return request
}
