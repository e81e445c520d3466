// Package kube is the speaker's view of the local Kubernetes cluster: which Services want addresses
// announced, where they are served, and whether this node is to be drained. It is the only package
// below bgp that imports client-go.
//
// Run blocks until its context ends and leaves no goroutine behind. The last known state stays
// while the API is unavailable. One goroutine makes all declarations; another writes to the API and
// never blocks the first.
package kube

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
)

// coalesce is the minimum time between two declarations: a rollout changes many endpoints at once.
const coalesce = 50 * time.Millisecond

// Cluster implements bgp.Cluster. Run is called once.
type Cluster struct {
	config config.Services
	log    *slog.Logger
	writer *writer

	services *mirror[*corev1.Service]
	slices   *mirror[*discoveryv1.EndpointSlice]
	nodes    *mirror[*corev1.Node]
	// changed is signalled when a mirror changes.
	changed chan struct{}

	// Only the goroutine that declares uses the following fields.

	// requests are the Services as last read.
	requests map[vip.ServiceRef]request
	// nodeless is set while the node is known not to exist.
	nodeless bool
}

var _ bgp.Cluster = (*Cluster)(nil)

// New returns the cluster of the kubeconfig, or of the pod's own account. It does not contact the
// API.
func New(cfg config.Services, log *slog.Logger) (*Cluster, error) {
	access, err := accessOf(cfg.Kubeconfig)
	if err != nil {
		return nil, err
	}
	access.UserAgent = fieldManager
	// No client-side rate limit: the server has its own (API Priority and Fairness), and all
	// requests here back off.
	access.QPS = -1
	api, err := connect(access, leaseNamespace(), cfg.Node)
	if err != nil {
		return nil, fmt.Errorf("kube: %w", err)
	}
	return newCluster(api, cfg, log), nil
}

// leaseNamespace is that of the pod.
func leaseNamespace() string { return cmp.Or(os.Getenv("POD_NAMESPACE"), "nearcast-system") }

func accessOf(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		access, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("kube: %w; outside a pod, set services.kubeconfig", err)
		}
		return access, nil
	}
	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kube: kubeconfig %s: %w", kubeconfig, err)
	}
	return access, nil
}

func newCluster(api api, cfg config.Services, log *slog.Logger) *Cluster {
	c := &Cluster{config: cfg, log: log, changed: make(chan struct{}, 1)}
	c.services = newMirror("Services", api.services, stripService, c)
	c.slices = newMirror("EndpointSlices", api.slices, stripSlice, c)
	c.nodes = newMirror("Nodes", api.node, stripNode, c)
	c.writer = newWriter(api, cfg.Node, log)
	return c
}

// Assign implements bgp.Cluster. granted must follow from the last declaration by the time Run's
// changed returns. Nothing is written until it has returned once, because an empty start would
// remove the addresses of every Service.
func (c *Cluster) Assign(granted map[vip.ServiceRef][]netip.Addr) { c.writer.assign(granted) }

// Run implements bgp.Cluster.
func (c *Cluster) Run(ctx context.Context, changed func(cluster.Declared)) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { c.services.run(ctx) })
	running.Go(func() { c.slices.run(ctx) })
	running.Go(func() { c.nodes.run(ctx) })
	running.Go(func() { c.writer.campaign(ctx) })
	running.Go(func() { c.writer.run(ctx) })
	c.declare(ctx, changed)
}

// declare calls changed after every change until ctx ends, for the first time once everything has
// been listed.
func (c *Cluster) declare(ctx context.Context, changed func(cluster.Declared)) {
	var last *cluster.Declared
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
		if !c.services.synced() || !c.slices.synced() || !c.nodes.synced() {
			continue
		}
		declared, seen := c.read()
		if last == nil || !reflect.DeepEqual(*last, declared) {
			last = &declared
			changed(declared)
		}
		c.writer.settle(seen)
		select {
		case <-ctx.Done():
			return
		case <-time.After(coalesce):
		}
	}
}

// read returns what the mirrors declare, and the Services from which it was read. It does not
// reread unchanged Services, or the thousands of one namespace would delay all others.
func (c *Cluster) read() (declared cluster.Declared, seen []request) {
	services := c.services.all()
	left := beyond(services)
	slicesOf := c.slicesOf(services, left)
	requests := map[vip.ServiceRef]request{}
	for _, name := range sortedNames(services) {
		ref := vip.ServiceRef(name)
		r := request{service: services[name], refused: tooMany}
		if !left[name] {
			r = c.requests[ref].follow(services[name], slicesOf[name], c.config.Node)
			requests[ref] = r
		}
		seen = append(seen, r)
		for _, reason := range []string{r.refused, r.unasked} {
			if reason != "" {
				declared.Refused = append(declared.Refused, cluster.Refusal{Service: ref, Reason: reason})
			}
		}
		if r.declares() {
			declared.Services = append(declared.Services, r.declared)
		}
	}
	c.requests = requests
	declared.Drained = c.drained()
	return declared, seen
}

// slicesOf groups the slices by Service, except for Services that are left out.
func (c *Cluster) slicesOf(services map[types.NamespacedName]*corev1.Service, left map[types.NamespacedName]bool) map[types.NamespacedName][]*discoveryv1.EndpointSlice {
	grouped := map[types.NamespacedName][]*discoveryv1.EndpointSlice{}
	for _, s := range c.slices.all() {
		name := types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
		if services[name] != nil && !left[name] {
			grouped[name] = append(grouped[name], s)
		}
	}
	for _, of := range grouped {
		slices.SortFunc(of, func(a, b *discoveryv1.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	}
	return grouped
}

func sortedNames[T any](all map[types.NamespacedName]T) []types.NamespacedName {
	names := make([]types.NamespacedName, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b types.NamespacedName) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return names
}
