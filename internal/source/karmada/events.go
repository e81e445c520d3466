package karmada

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/nearcast/nearcast/internal/federation"
)

// events limits what is written to the API; nothing else is written there.
type events struct {
	rate *rate.Limiter
	// forbidden holds the namespaces in which the API recently refused an Event.
	forbidden *pauses
	instance  string
}

// pauses holds, by namespace, when to write again: a namespace's quota, which its tenant
// may set, refuses Events only in that namespace. It is safe for concurrent use.
type pauses struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func newPauses() *pauses { return &pauses{until: map[string]time.Time{}} }

func (p *pauses) has(namespace string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.until[namespace])
}

// begin starts a pause and drops those that are over.
func (p *pauses) begin(namespace string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.until, func(_ string, until time.Time) bool { return !now.Before(until) })
	p.until[namespace] = now.Add(forbiddenPause)
}

const (
	// A burst covers what the failure of a cluster causes; the rest follows later.
	eventsPerSecond, eventsBurst = 1, 30
	// forbiddenPause is how long nothing is written to a namespace after the API forbade
	// it: the operator opts in with manifests/karmada/events.
	forbiddenPause = time.Minute
	// eventOnce is how long a repeated Event is not written again.
	eventOnce = 10 * time.Minute
	// eventTimeout bounds one request; the next one serves as well.
	eventTimeout = 3 * time.Second
	// maxNote is the API's limit, in bytes.
	maxNote = 1024
)

func newEvents() events {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return events{rate: rate.NewLimiter(eventsPerSecond, eventsBurst), forbidden: newPauses(), instance: host}
}

// Record writes the Event unless it was written recently: its name is derived from its
// content, so that fifty sites that see the same write it once. It returns false if the
// Event could not be written; the caller may try again.
func (s *Source) Record(ctx context.Context, about federation.Identity, e federation.Event) (bool, error) {
	if s.events.forbidden.has(about.Namespace, time.Now()) || !s.events.rate.Allow() {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	switch err := s.api.CreateEvent(ctx, s.events.event(about, e, time.Now())); {
	case err == nil, apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return true, nil // written, or the namespace is gone or about to be
	case apierrors.IsForbidden(err):
		s.events.forbidden.begin(about.Namespace, time.Now())
		return false, nil
	default:
		return false, fmt.Errorf("karmada: Event on %s: %w", about, err)
	}
}

// maxName is the API's limit for an object's name, in bytes.
const maxName = 253

// eventName returns the name of an Event about the object; if it would be too long, the
// object's name is cut.
func eventName(object string, content uint64) string {
	sum := fmt.Sprintf(".%016x", content)
	return strings.TrimRight(object[:min(len(object), maxName-len(sum))], ".-") + sum
}

func (s *events) event(about federation.Identity, e federation.Event, now time.Time) *eventsv1.Event {
	content := fnv.New64a()
	fmt.Fprint(content, about.UID, "\x00", e.Reason, "\x00", e.Note, "\x00", now.Truncate(eventOnce).Unix())
	kind, note := corev1.EventTypeNormal, e.Note
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote], "")
	}
	apiVersion := "v1"
	if about.Group != "" {
		apiVersion = about.Group + "/v1"
	}
	return &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: about.Namespace, Name: eventName(about.Name, content.Sum64())},
		EventTime:  metav1.NewMicroTime(now), Type: kind, Reason: e.Reason, Action: "Resolve", Note: note,
		ReportingController: "nearcast.dev/nearcast", ReportingInstance: s.instance,
		Regarding: corev1.ObjectReference{
			APIVersion: apiVersion, Kind: about.Kind, Namespace: about.Namespace, Name: about.Name, UID: types.UID(about.UID),
		},
	}
}
