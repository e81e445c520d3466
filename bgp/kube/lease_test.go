package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// leaseServer keeps one Lease like an API server: a write needs the current version.
type leaseServer struct {
	mu      sync.Mutex
	lease   *coordinationv1.Lease
	version int
}

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

func (s *leaseServer) read() (*coordinationv1.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease == nil {
		return nil, apierrors.NewNotFound(leases, leaseName)
	}
	return s.lease.DeepCopy(), nil
}

func (s *leaseServer) write(l *coordinationv1.Lease, create bool) (*coordinationv1.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case create && s.lease != nil:
		return nil, apierrors.NewAlreadyExists(leases, leaseName)
	case !create && s.lease == nil:
		return nil, apierrors.NewNotFound(leases, leaseName)
	case !create && l.ResourceVersion != s.lease.ResourceVersion:
		return nil, apierrors.NewConflict(leases, leaseName, errors.New("it has changed"))
	}
	s.version++
	s.lease = l.DeepCopy()
	s.lease.ResourceVersion = strconv.Itoa(s.version)
	return s.lease.DeepCopy(), nil
}

func (s *leaseServer) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = nil
}

// over returns the server as one node reaches it: before each request and each answer something
// may happen, such as a delay or an error, which loses it.
func (s *leaseServer) over(happens func(context.Context) error) leaseAPI {
	through := func(ctx context.Context, do func() (*coordinationv1.Lease, error)) (*coordinationv1.Lease, error) {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		if err := happens(ctx); err != nil {
			return nil, err
		}
		lease, err := do()
		if lost := happens(ctx); lost != nil {
			return nil, lost
		}
		return lease, err
	}
	return leaseAPI{
		name: types.NamespacedName{Namespace: "nearcast-system", Name: leaseName},
		get:  func(ctx context.Context) (*coordinationv1.Lease, error) { return through(ctx, s.read) },
		create: func(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error) {
			return through(ctx, func() (*coordinationv1.Lease, error) { return s.write(l, true) })
		},
		update: func(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error) {
			return through(ctx, func() (*coordinationv1.Lease, error) { return s.write(l, false) })
		},
	}
}

// campaigner is a node that competes for the Lease, and whether it leads.
type campaigner struct {
	*writer
	end func()
}

func competes(node string, lease leaseAPI) *campaigner {
	ctx, cancel := context.WithCancel(context.Background())
	c := &campaigner{writer: newWriter(api{lease: lease}, node, slog.New(slog.DiscardHandler))}
	done := make(chan struct{})
	go func() { defer close(done); c.campaign(ctx) }()
	c.end = func() { cancel(); <-done }
	return c
}

func (c *campaigner) leads() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leading != nil && c.leading.Err() == nil
}

// reaches is the path of requests that all arrive.
func reaches(context.Context) error { return nil }

// TestAtMostOneNodeLeads has five nodes whose requests are delayed and lost, in phases, for two
// hours, and nodes restart. In the end all reach the API, and one leads.
func TestAtMostOneNodeLeads(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { bubble(t, func(t *testing.T) { manyLead(t, seed) }) })
	}
}

func manyLead(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	chance := func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() }
	server, lossy := &leaseServer{}, [5]float64{}
	nodes := [5]*campaigner{}
	start := func(i int) {
		nodes[i] = competes(fmt.Sprint("node", i), server.over(func(ctx context.Context) error {
			mu.Lock()
			loss := lossy[i]
			mu.Unlock()
			if chance() >= loss {
				return nil
			}
			if chance() < 0.5 {
				return apierrors.NewServiceUnavailable("away")
			}
			select { // until the request is given up, or later than others were answered
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(chance() * float64(2*writeTimeout))):
				return nil
			}
		}))
	}
	for i := range nodes {
		start(i)
	}
	led := map[int]bool{}
	for second := range 2 * 3600 {
		time.Sleep(time.Second)
		var leaders []int
		for i, n := range nodes {
			if n.leads() {
				leaders, led[i] = append(leaders, i), true
			}
		}
		if len(leaders) > 1 {
			t.Fatalf("after %d s, nodes %v lead; want at most one", second, leaders)
		}
		if second%60 != 0 {
			continue
		}
		i := int(chance() * 5)
		mu.Lock()
		lossy[i] = []float64{0, 0.3, 1, 1}[random.IntN(4)]
		mu.Unlock()
		if chance() < 0.1 {
			nodes[i].end()
			start(i)
		}
	}
	mu.Lock()
	lossy = [5]float64{}
	mu.Unlock()
	time.Sleep(2 * leaseDuration)
	leaders := 0
	for _, n := range nodes {
		if n.leads() {
			leaders++
		}
		n.end()
	}
	if leaders != 1 || len(led) < 3 {
		t.Errorf("at the end %d nodes lead, and %d have led: want one, and most of them", leaders, len(led))
	}
}

// TestALeaseIsHeldUntilItsRenewalsStop has a holder that stopped without releasing it, whose clock may
// be a year off: a node waits for the Lease's duration by its own.
func TestALeaseIsHeldUntilItsRenewalsStop(t *testing.T) {
	for name, off := range map[string]time.Duration{"clocks agree": 0, "a year ahead": 365 * 24 * time.Hour, "a year behind": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				server := &leaseServer{}
				if _, err := server.write(leaseOfNode("gone", time.Now().Add(off)), true); err != nil {
					t.Fatal(err)
				}
				next := competes("next", server.over(reaches))
				defer next.end()
				time.Sleep(leaseDuration - time.Second)
				if next.leads() {
					t.Error("it was taken before its duration had passed")
				}
				time.Sleep(3 * retryPeriod)
				if !next.leads() {
					t.Error("nobody holds it after its duration")
				}
			})
		})
	}
}

func leaseOfNode(node string, renewed time.Time) *coordinationv1.Lease {
	l := &coordinationv1.Lease{}
	l.Spec = coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: ptr(int32(leaseDuration / time.Second)), RenewTime: &metav1.MicroTime{Time: renewed}}
	return l
}

// TestAHolderNoticesChangesOfItsLease deletes the Lease, which is created again, and
// gives it to another node, which ends leading by the next renewal.
func TestAHolderNoticesChangesOfItsLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := &leaseServer{}
		n := competes("node", server.over(reaches))
		defer n.end()
		time.Sleep(time.Second)
		server.remove()
		time.Sleep(retryPeriod)
		if lease, err := server.read(); err != nil || !n.leads() {
			t.Fatalf("after its deletion: got Lease %v, %v; leads: %v", lease, err, n.leads())
		}
		server.remove()
		if _, err := server.write(leaseOfNode("another", time.Now()), true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryPeriod)
		if n.leads() {
			t.Error("it leads though another node has the Lease")
		}
		time.Sleep(2 * leaseDuration)
		lease, err := server.read()
		if err != nil || !n.leads() || *lease.Spec.HolderIdentity != "node" || *lease.Spec.LeaseTransitions != 1 {
			t.Errorf("got leads: %v, Lease %+v, %v", n.leads(), lease, err)
		}
	})
}
