package apistream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/nearcast/nearcast/internal/base/apiclient"
)

// shaky is an API server of Services behind proxies, as a transport. Until it is calm, it refuses, expires,
// cuts off and ends at random.
type shaky struct {
	*testing.T
	encoding apiclient.Encoding
	// streams is whether it has streaming lists; pages, whether its lists have pages of three.
	streams, pages bool

	mu      sync.Mutex
	rand    *rand.Rand
	calm    bool
	version int
	objects map[string]*corev1.Service
	history []change      // what a watch can begin before
	oldest  int           // the version before the history
	changed chan struct{} // closed at the next change
	states  map[string]bool
}

// change is an event, and the version after it.
type change struct {
	version int
	event   []byte
}

// often is true once in n times, until the server is calm.
func (s *shaky) often(n int) bool { return !s.calm && s.rand.IntN(n) == 0 }

// change changes one object, and may forget what was before.
func (s *shaky) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	now := service(fmt.Sprint("web-", s.rand.IntN(8)))
	now.ResourceVersion, now.Labels["app"] = strconv.Itoa(s.version), strconv.Itoa(s.version)
	kind, before := watch.Added, s.objects[now.Name]
	switch s.objects[now.Name] = now; {
	case before != nil && s.rand.IntN(3) == 0:
		kind = watch.Deleted
		delete(s.objects, now.Name)
	case before != nil:
		kind = watch.Modified
	}
	s.history = append(s.history, change{s.version, event(s, s.encoding, kind, now)})
	if s.often(6) {
		s.history, s.oldest = nil, s.version
	}
	s.states[s.state()] = true
	close(s.changed)
	s.changed = make(chan struct{})
}

// state is what a client that has read everything keeps.
func (s *shaky) state() string {
	all := map[string]string{}
	for name, o := range s.objects {
		all[name] = says(o, nil)
	}
	return fmt.Sprint(all)
}

// RoundTrip implements http.RoundTripper.
func (s *shaky) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	streamed := query.Get("sendInitialEvents") != ""
	switch {
	case s.often(12):
		return nil, errors.New("connection refused")
	case s.often(12):
		return s.refuse(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable), nil
	case s.often(12):
		return s.answer([]byte("<html>"), nil), nil
	case query.Get("watch") == "":
		return s.list(query), nil
	case streamed && !s.streams:
		return s.refuse(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid), nil
	case streamed:
		return s.answer(s.initial(), s.follow(r, s.version)), nil
	}
	version, _ := strconv.Atoi(query.Get("resourceVersion"))
	return s.answer(nil, s.follow(r, version)), nil
}

// answer returns a response with the octets, which are cut off at times, and then with what more returns.
func (s *shaky) answer(data []byte, more func() []byte) *http.Response {
	if s.often(4) {
		data, more = data[:s.rand.IntN(len(data)+1)], nil
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: &pieces{data, more, s}}
}

func (s *shaky) refuse(code int32, reason metav1.StatusReason) *http.Response {
	status := encode(s, apiclient.JSON, &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason})
	response := s.answer(nil, nil)
	response.StatusCode, response.Body = int(code), io.NopCloser(bytes.NewReader(status))
	return response
}

// list returns a page of the list, or that its version has expired.
func (s *shaky) list(query url.Values) *http.Response {
	list := &corev1.ServiceList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(s.version)}}
	version, after, more := strings.Cut(query.Get("continue"), "/")
	if more && version != list.ResourceVersion {
		return s.refuse(http.StatusGone, metav1.StatusReasonExpired)
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.objects)), func(name string) bool { return name <= after })
	if s.pages && query.Get("limit") != "" && len(names) > 3 {
		names = names[:3]
		list.Continue = list.ResourceVersion + "/" + names[2]
	}
	for _, name := range names {
		list.Items = append(list.Items, *s.objects[name])
	}
	return s.answer(encode(s, s.encoding, list), nil)
}

// initial returns the events of a streaming list.
func (s *shaky) initial() (all []byte) {
	for _, o := range s.objects {
		all = append(all, event(s, s.encoding, watch.Added, o)...)
	}
	return append(all, s.bookmark(s.version, map[string]string{metav1.InitialEventsAnnotationKey: "true"})...)
}

func (s *shaky) bookmark(version int, annotations map[string]string) []byte {
	return event(s, s.encoding, watch.Bookmark, &corev1.Service{ObjectMeta: metav1.ObjectMeta{ResourceVersion: strconv.Itoa(version), Annotations: annotations}})
}

// follow returns a function that waits for events after the version, and returns none once the watch
// has ended.
func (s *shaky) follow(r *http.Request, version int) func() []byte {
	ended := false
	return func() []byte {
		for !ended && r.Context().Err() == nil {
			s.mu.Lock()
			all, changed := s.since(&version, &ended), s.changed
			s.mu.Unlock()
			if len(all) > 0 {
				return all
			}
			select {
			case <-changed:
			case <-r.Context().Done():
			}
		}
		return nil
	}
}

// since returns the events after the version, which it moves on.
func (s *shaky) since(version *int, ended *bool) (all []byte) {
	switch {
	case *version < s.oldest:
		*ended = true
		return event(s, s.encoding, watch.Error, &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired})
	case s.often(4):
		all = s.bookmark(*version, nil)
	}
	for _, c := range s.history {
		if c.version > *version {
			all = append(all, c.event...)
			*version = c.version
		}
	}
	if *ended = s.often(6); *ended {
		all = all[:s.rand.IntN(len(all)+1)]
	}
	return all
}

// pieces is a body that arrives in pieces.
type pieces struct {
	data []byte
	more func() []byte
	of   *shaky
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.data) == 0 && p.more != nil {
		p.data = p.more()
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if len(p.data) == 0 && p.of.often(2) {
		return 0, io.ErrUnexpectedEOF
	}
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), 1+p.of.rand.IntN(200))], p.data)
	p.data = p.data[n:]
	return n, nil
}

func (p *pieces) Close() error { return nil }
