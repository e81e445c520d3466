package apiclient

import (
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"
)

// Selection is which of a resource's objects are listed and watched. The zero value is all.
type Selection struct {
	// Namespace is theirs; "" means all namespaces, or that the kind has none.
	Namespace string
	// Name is that of the only object; "" means all.
	Name string
}

// Get begins a request for a resource's objects, or to watch them.
func (g Group) Get(resource string, which Selection, o metav1.ListOptions) *rest.Request {
	if which.Name != "" {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, which.Name).String()
	}
	request := g.Request(http.MethodGet, &o).NamespaceIfScoped(which.Namespace, which.Namespace != "").Resource(resource)
	if o.TimeoutSeconds != nil {
		request.Timeout(time.Duration(*o.TimeoutSeconds) * time.Second)
	}
	return request
}
