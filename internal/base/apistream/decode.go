package apistream

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// Object is a pointer to an object of the type T.
type Object[T any] interface {
	*T
	metav1.Object
}

// Unread has values of the type T left zero, wherever an object has them. They are checked for
// syntax alone.
func Unread[T any]() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ *T) error { return d.SkipValue() })
}

// times reads a time as metav1.Time does, without allocation.
var times = json.UnmarshalFromFunc(func(d *jsontext.Decoder, t *metav1.Time) error {
	var read time.Time
	err := json.UnmarshalDecode(d, &read)
	if !read.IsZero() {
		read = read.Local()
	}
	t.Time = read
	return err
})

// optionsOf returns how JSON is decoded: as an API server writes it, which may hold names twice.
func optionsOf(unread []*json.Unmarshalers) json.Options {
	return json.JoinOptions(
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
		json.WithUnmarshalers(json.JoinUnmarshalers(append(unread, times)...)),
	)
}

// decode returns the Item of an object.
func decode[T, K any, P Object[T]](f frame, reduce func(P, error) K, options json.Options) (*Item[K], error) {
	object := P(new(T))
	err := unmarshal(f, object, options)
	if f.isBookmark() {
		var none K
		return NewItem(object, none), err
	}
	return NewItem(object, reduce(object, err)), nil
}

// unmarshal decodes a frame into an object of its kind.
func unmarshal(f frame, into any, options json.Options) error {
	if f.encoding == apiclient.JSON {
		return json.Unmarshal(f.raw, into, options)
	}
	message, ok := into.(interface{ Unmarshal([]byte) error })
	if !ok {
		return fmt.Errorf("%T has no protobuf encoding", into)
	}
	return message.Unmarshal(f.raw)
}
