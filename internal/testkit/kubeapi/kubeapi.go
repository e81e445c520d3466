// Package kubeapi answers requests as a Kubernetes API server does.
package kubeapi

import (
	"net/http"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// ProtobufType is the media type of objects in protobuf.
const ProtobufType = runtime.ContentTypeProtobuf

// Answer writes an object of one of the kinds, in the encoding.
func Answer(t testing.TB, w http.ResponseWriter, kinds *apiclient.Kinds, object runtime.Object, encoding apiclient.Encoding) {
	media := ProtobufType
	if encoding == apiclient.JSON {
		media = runtime.ContentTypeJSON
	}
	all := kinds.Codecs.SupportedMediaTypes()
	info := all[slices.IndexFunc(all, func(i runtime.SerializerInfo) bool { return i.MediaType == media })]
	w.Header().Set("Content-Type", media)
	of, _, err := kinds.Scheme.ObjectKinds(object)
	if err == nil {
		err = kinds.Codecs.EncoderForVersion(info.Serializer, of[0].GroupVersion()).Encode(object, w)
	}
	if err != nil {
		t.Errorf("%T: %v", object, err)
	}
}

// Refuse writes the error's Status, in JSON.
func Refuse(t testing.TB, w http.ResponseWriter, kinds *apiclient.Kinds, why *errors.StatusError) {
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(int(why.Status().Code))
	status := why.Status()
	Answer(t, w, kinds, &status, apiclient.JSON)
}
