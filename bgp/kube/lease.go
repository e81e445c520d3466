package kube

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// leaseName is the name of the Lease, in the namespace of the pod.
const leaseName = fieldManager

// The Lease is requested rarely: a status is written once in a Service's life, and a hundred nodes
// compete for the Lease.
const (
	leaseDuration = 30 * time.Second
	renewDeadline = 20 * time.Second
	retryPeriod   = 5 * time.Second
	// retryJitter spreads the requests of the nodes that do not hold it: each waits up to this many
	// periods longer.
	retryJitter = 1.2
)

// campaign holds the Lease, or tries to get it, until ctx ends. Only writing depends on it.
func (w *writer) campaign(ctx context.Context) {
	e := &election{api: w.api.lease, node: w.node, faults: faults{lease: w.api.lease.name, log: w.log, known: map[string]string{}}}
	e.run(ctx, func(leading context.Context) { w.change(func() { w.leading = leading }) })
}

// election competes for a Lease by the rules of client-go's leaderelection, which is not used
// because it links every kind of Kubernetes. One goroutine uses it.
//
// Nodes do not compare clocks: a Lease is held until it has not changed for its duration, as each
// node measures. The holder stops leading renewDeadline after its last renewal, which is earlier.
// Every write is conditional on the version that it changes.
type election struct {
	api    leaseAPI
	node   string
	faults faults

	// lease is the Lease as last read or written; nil if there was none.
	lease *coordinationv1.Lease
	// changed is when lease was first seen to be as it is.
	changed time.Time
	// renewed is when this node's last successful write began.
	renewed time.Time
}

// run calls lead each time this node gets the Lease, with a context that ends when the node loses
// it, until ctx ends. It then gives the Lease back.
func (e *election) run(ctx context.Context, lead func(context.Context)) {
	defer e.release(ctx)
	for again := true; again; again = pause(ctx, wait.Jitter(retryPeriod, retryJitter)) {
		if e.try(ctx) {
			leading, lost := context.WithCancel(ctx)
			lead(leading)
			e.hold(ctx)
			lost()
		}
	}
}

// hold renews the Lease until another node has it, it could not be renewed in time, or ctx ends.
func (e *election) hold(ctx context.Context) {
	for e.isMine() && pause(ctx, retryPeriod) {
		deadline := e.renewed.Add(renewDeadline)
		attempt, cancel := context.WithDeadline(ctx, deadline)
		renewed := e.try(attempt)
		cancel()
		if !renewed && !time.Now().Before(deadline) {
			return
		}
	}
}

// try takes or renews the Lease, and reports whether it could.
func (e *election) try(ctx context.Context) bool {
	// Usually no other node has written to it, and it need not be read.
	return e.isMine() && e.write(ctx) || e.read(ctx) && e.write(ctx)
}

func (e *election) isMine() bool {
	return e.lease != nil && value(e.lease.Spec.HolderIdentity) == e.node
}

// read reads the Lease, and reports whether this node may take or renew it.
func (e *election) read(ctx context.Context) bool {
	lease, err := e.api.get(ctx)
	switch e.faults.report("get", err); {
	case apierrors.IsNotFound(err):
		e.lease = nil
		return true
	case err != nil:
		return false
	}
	if e.lease == nil || !reflect.DeepEqual(e.lease.Spec, lease.Spec) {
		e.changed = time.Now()
	}
	e.lease = lease
	expiry := e.changed.Add(time.Duration(value(lease.Spec.LeaseDurationSeconds)) * time.Second)
	return e.isMine() || value(lease.Spec.HolderIdentity) == "" || !time.Now().Before(expiry)
}

// write takes or renews the Lease, and reports whether it could.
func (e *election) write(ctx context.Context) bool {
	began := time.Now()
	var lease *coordinationv1.Lease
	var err error
	if e.lease == nil {
		lease, err = e.api.create(ctx, e.taken(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: e.api.name.Namespace, Name: e.api.name.Name}}, began))
		e.faults.report("create", err)
	} else {
		lease, err = e.api.update(ctx, e.taken(e.lease.DeepCopy(), began))
		e.faults.report("update", err)
	}
	if err != nil {
		return false
	}
	e.lease, e.changed, e.renewed = lease, began, began
	return true
}

// taken returns the Lease as this node's.
func (e *election) taken(l *coordinationv1.Lease, now time.Time) *coordinationv1.Lease {
	at := &metav1.MicroTime{Time: now}
	if !e.isMine() {
		l.Spec.AcquireTime = at
		if e.lease != nil {
			l.Spec.LeaseTransitions = new(value(l.Spec.LeaseTransitions) + 1)
		}
	}
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = new(e.node), new(int32(leaseDuration/time.Second)), at
	return l
}

// release gives the Lease back if this node has it, after ctx has ended.
func (e *election) release(ctx context.Context) {
	if !e.isMine() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	// The API may have received a renewal that ended with ctx.
	if !e.read(ctx) || !e.isMine() {
		return
	}
	l := e.lease.DeepCopy()
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds = nil, new(int32(1))
	_, err := e.api.update(ctx, l)
	e.faults.report("update", err)
}

// faults logs why the node does not get the Lease: each reason once.
type faults struct {
	lease types.NamespacedName
	log   *slog.Logger
	known map[string]string // by verb
}

// report logs a failure, unless another node was faster, the Lease is about to be created, or the
// speaker is stopping.
func (f *faults) report(verb string, err error) {
	text := ""
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) && !errors.Is(err, context.Canceled) {
		text = err.Error()
	}
	if text != "" && text != f.known[verb] {
		f.log.Warn("this node cannot acquire the Lease; other nodes write Service status", "lease", f.lease, "error", err)
	}
	f.known[verb] = text
}

// pause waits, and returns false at once when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
