package kube

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/nearcast/nearcast/bgp/vip"
)

const (
	// fieldManager identifies this writer to the API.
	fieldManager = "nearcast-speaker"
	// writeTimeout limits one request: an API that does not respond must not delay the end of the
	// speaker.
	writeTimeout = 5 * time.Second
	// A failed write is retried after a pause that doubles each time.
	leastRetry, mostRetry = 250 * time.Millisecond, 30 * time.Second
)

// writer writes the addresses that Services were given to their status while it holds the Lease.
// Health does not matter: the status says who owns which address.
type writer struct {
	api     api
	node    string
	log     *slog.Logger
	changed chan struct{}
	// failed are the Services that could not be written; only run uses it.
	failed map[vip.ServiceRef]failure

	mu      sync.Mutex
	granted map[vip.ServiceRef][]netip.Addr
	// seen are the Services that granted was derived from; nil before the first.
	seen []request
	// leading ends when the Lease is lost; nil if it was never held.
	leading context.Context
}

// failure describes a Service that could not be written.
type failure struct {
	pause time.Duration
	until time.Time // no retry before this time
}

// next returns the failure of the attempt after f: its pause is twice as long and starts now.
func (f failure) next() failure {
	pause := min(max(leastRetry, 2*f.pause), mostRetry)
	return failure{pause, time.Now().Add(pause)}
}

func newWriter(api api, node string, log *slog.Logger) *writer {
	return &writer{api: api, node: node, log: log, changed: make(chan struct{}, 1)}
}

func (w *writer) assign(granted map[vip.ServiceRef][]netip.Addr) {
	w.change(func() { w.granted = granted })
}

// settle stores the declared Services once they are judged.
func (w *writer) settle(seen []request) { w.change(func() { w.seen = seen }) }

func (w *writer) change(do func()) {
	w.mu.Lock()
	do()
	w.mu.Unlock()
	kick(w.changed)
}

// run corrects statuses after each change, and retries failed ones, until ctx ends.
func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		case <-w.again():
		}
		w.write()
	}
}

// again returns a channel that fires when the first failed write is due; nil if none failed.
func (w *writer) again() <-chan time.Time {
	var first time.Time
	for _, f := range w.failed {
		if first.IsZero() || f.until.Before(first) {
			first = f.until
		}
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first))
}

// write corrects every status, except those that failed recently.
func (w *writer) write() {
	w.mu.Lock()
	ctx, seen, granted := w.leading, w.seen, w.granted
	w.mu.Unlock()
	before := w.failed
	w.failed = map[vip.ServiceRef]failure{}
	for i := range seen {
		if ctx == nil || ctx.Err() != nil {
			return // only the holder writes
		}
		service, ref := seen[i].service, seen[i].ref()
		want, judged := seen[i].ingress(granted)
		if !judged || equal(want, service.Status.LoadBalancer.Ingress) {
			continue
		}
		last := before[ref]
		if time.Now().Before(last.until) {
			w.failed[ref] = last
			continue
		}
		err := w.patch(ctx, service, want)
		if err == nil || apierrors.IsNotFound(err) || ctx.Err() != nil {
			continue
		}
		w.failed[ref] = last.next()
		if !apierrors.IsConflict(err) { // on a conflict, the watch will report the change
			w.log.Warn("cannot write a Service's status; retrying", "service", ref, "error", err)
		}
	}
}

// ingress returns what the Service's status should have; false if it must not be changed.
func (r *request) ingress(granted map[vip.ServiceRef][]netip.Addr) ([]corev1.LoadBalancerIngress, bool) {
	switch {
	case !ours(r.service):
		return nil, false // if it was one, the API removed the addresses with the type
	case r.service.DeletionTimestamp != nil:
		return nil, false // kube-proxy needs them until the Service has gone
	case r.unread:
		return nil, false // it has given up none
	}
	var all []corev1.LoadBalancerIngress
	mode := corev1.LoadBalancerIPModeVIP
	for _, a := range granted[r.ref()] {
		all = append(all, corev1.LoadBalancerIngress{IP: a.String(), IPMode: &mode})
	}
	return all, true
}

func equal(a, b []corev1.LoadBalancerIngress) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// patch replaces the addresses in the status, but only for that version of the Service.
func (w *writer) patch(ctx context.Context, s *corev1.Service, ingress []corev1.LoadBalancerIngress) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": s.UID, "resourceVersion": s.ResourceVersion},
		"status":   map[string]any{"loadBalancer": map[string]any{"ingress": ingress}},
	})
	if err != nil {
		return err
	}
	return w.api.patchStatus(ctx, nameOf(s), data)
}
