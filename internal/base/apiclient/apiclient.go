// Package apiclient reads and writes objects of a Kubernetes API server, of the kinds that its
// caller names and of no others: client-go's clientsets, and whatever imports one, link every kind
// of Kubernetes, which takes some 20 MB.
//
// Everything here is safe for concurrent use.
package apiclient

import (
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
)

// Kinds are the kinds that a program reads and writes.
type Kinds struct {
	Scheme     *runtime.Scheme
	Codecs     serializer.CodecFactory
	parameters runtime.ParameterCodec
}

// NewKinds returns the kinds that the functions add, such as corev1.AddToScheme. It panics if two
// of them disagree, which does not depend on any input.
func NewKinds(adds ...func(*runtime.Scheme) error) *Kinds {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"}) // for Status
	for _, add := range adds {
		utilruntime.Must(add(s))
	}
	return &Kinds{s, serializer.NewCodecFactory(s), runtime.NewParameterCodec(s)}
}

// Encoding is what a group's objects are asked for in. An API server may answer in JSON always.
type Encoding bool

const (
	// JSON is the only encoding that custom resources have.
	JSON Encoding = false
	// Protobuf is smaller, and quicker to decode.
	Protobuf Encoding = true
)

// Group is one version of an API group.
type Group struct {
	client     *rest.RESTClient
	parameters runtime.ParameterCodec
	encoding   Encoding
}

// Group returns a client of one version of an API group, as generated clientsets make it. It does
// not contact the server.
func (k *Kinds) Group(config rest.Config, client *http.Client, version schema.GroupVersion, encoding Encoding) (Group, error) {
	config.GroupVersion, config.APIPath = &version, "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = rest.CodecFactoryForGeneratedClient(k.Scheme, k.Codecs).WithoutConversion()
	c, err := rest.RESTClientForConfigAndClient(&config, client)
	if err != nil {
		return Group{}, fmt.Errorf("%s: %w", version, err)
	}
	return Group{c, k.parameters, encoding}, nil
}

// Request begins a request with the HTTP method. The options, such as *metav1.PatchOptions, are its
// parameters.
func (g Group) Request(method string, options runtime.Object) *rest.Request {
	return g.client.Verb(method).UseProtobufAsDefaultIfPreferred(g.encoding == Protobuf).VersionedParams(options, g.parameters)
}
