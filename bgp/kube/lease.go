package kube

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseName is the name of the Lease, in the namespace of the pod.
const leaseName = fieldManager

// The Lease is requested rarely: a status is written once in a Service's life, and a hundred nodes
// compete for the Lease.
const (
	leaseDuration = 30 * time.Second
	renewDeadline = 20 * time.Second
	retryPeriod   = 5 * time.Second
)

// campaign holds the Lease, or tries to get it, until ctx ends. Only writing depends on it.
func (w *writer) campaign(ctx context.Context) {
	config := leaderelection.LeaderElectionConfig{
		Name: leaseName,
		Lock: &lock{log: w.log, faults: map[string]string{}, Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: w.namespace, Name: leaseName},
			Client:     w.api.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: w.node},
		}},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { w.change(func() { w.leading = leading }) },
			OnStoppedLeading: func() {}, // the context of leading has ended
		},
	}
	// By default it logs every attempt to klog.
	ctx = logr.NewContext(ctx, logr.Discard())
	for ctx.Err() == nil {
		elector, err := leaderelection.NewLeaderElector(config)
		if err != nil {
			w.log.Error("no Service is told its addresses by this node", "error", err)
			return
		}
		elector.Run(ctx) // until the Lease is lost
	}
}

// lock is the Lease; it logs each problem once.
type lock struct {
	resourcelock.Interface
	log *slog.Logger

	mu     sync.Mutex
	faults map[string]string // by verb
}

// Get implements resourcelock.Interface.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if !apierrors.IsNotFound(err) { // otherwise it is about to be created
		_ = l.report("get", err)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *lock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.report("create", l.Interface.Create(ctx, r))
}

// Update implements resourcelock.Interface.
func (l *lock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.report("update", l.Interface.Update(ctx, r))
}

// report logs a failure, unless another node was faster or the speaker is stopping.
func (l *lock) report(verb string, err error) error {
	text := ""
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !errors.Is(err, context.Canceled) {
		text = err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if text != "" && text != l.faults[verb] {
		l.log.Warn("this node cannot hold the Lease; Services are told their addresses by others", "lease", l.Describe(), "error", err)
	}
	l.faults[verb] = text
	return err
}
