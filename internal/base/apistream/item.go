package apistream

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Item is what is left of an object of an API. It is immutable, and small: a list has as many as
// objects until it is complete.
type Item[K any] struct {
	// Kept is what the reader keeps of the object; zero for a bookmark.
	Kept K

	key, version string // key is the namespace, a slash and the name
	// complete is set if this is the bookmark after the initial events of a watch.
	complete bool
}

// NewItem returns the Item of an object with the metadata.
func NewItem[K any](m metav1.Object, kept K) *Item[K] {
	return &Item[K]{
		Kept: kept, key: m.GetNamespace() + "/" + m.GetName(), version: m.GetResourceVersion(),
		complete: m.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true",
	}
}

// GetObjectKind implements runtime.Object. An Item has no kind.
func (i *Item[K]) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object.
func (i *Item[K]) DeepCopyObject() runtime.Object { return i }

// GetObjectMeta implements metav1.ObjectMetaAccessor, with the metadata that a Reflector reads.
func (i *Item[K]) GetObjectMeta() metav1.Object {
	namespace, name, _ := strings.Cut(i.key, "/")
	m := &metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: i.version}
	if i.complete {
		m.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	}
	return m
}

// head is what a list has besides its items.
type head struct {
	metav1.TypeMeta
	metav1.ListMeta
}

// Items is a list, or one page of it.
type Items[K any] struct {
	head
	Items []*Item[K]
}

// DeepCopyObject implements runtime.Object. The copy shares the Items, which are immutable.
func (l *Items[K]) DeepCopyObject() runtime.Object {
	c := *l
	return &c
}
