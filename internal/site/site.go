// Package site combines the other packages: a source fills a store, the store is built
// into a state, the state is compiled into a table, probes judge it, and the whole is
// published as a View that queries read with one atomic load.
//
// One goroutine per Site builds and publishes. Acquire shares one running Site among
// server blocks, and between a configuration and its successor.
package site

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/build"
	"github.com/nearcast/nearcast/internal/federation/staging"
	"github.com/nearcast/nearcast/internal/source/karmada"
	"github.com/nearcast/nearcast/internal/source/manifest"
	"github.com/nearcast/nearcast/internal/source/resolve"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
)

// coalesce is the minimum time between two publishes: Karmada's events come in bursts,
// and one table for a whole burst is as good as one for each part.
const coalesce = 50 * time.Millisecond

// Logger receives what an operator should know about a Site.
type Logger interface {
	Infof(format string, args ...any)
	Warningf(format string, args ...any)
}

// Site is one running state.
type Site struct {
	config    Config
	log       Logger
	store     *staging.Store
	prober    *health.Prober
	resolver  *resolve.Resolver
	drains    *drains
	targets   targets
	activity  *activities
	files     *locate.Follower
	locations chan locations
	// builder is used only by publish.
	builder build.Builder
	view    atomic.Pointer[View]
	// first is closed when the first View is published; next is closed when the next one
	// is.
	first chan struct{}
	next  atomic.Pointer[chan struct{}]

	// seed holds the verdicts of a predecessor's probes.
	seed map[federation.Target]health.Verdict
	// reported holds the faults already logged, so that each is logged once.
	reported map[string]bool
	lines    quiet

	// inherits is set if a predecessor had a state.
	inherits bool
	source   runner

	stop    context.CancelFunc
	running sync.WaitGroup

	renderer atomic.Pointer[Renderer]
	records  atomic.Pointer[func(*View) []RecordsStatus]

	admin *admin.Server
}

type locations struct {
	table  *locate.Table
	faults []federation.Fault
}

// resolvConf names the servers that resolve load balancers' names.
const resolvConf = "/etc/resolv.conf"

// runner follows a source into a store until ctx ends.
type runner interface {
	Run(ctx context.Context, store *staging.Store, onError func(error)) error
}

func (s Source) runner() (runner, error) {
	if s.Manifests != "" {
		return manifest.New(s.Manifests), nil
	}
	api, err := karmada.Connect(s.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return karmada.New(api, s.Namespaces...), nil
}

// start runs a Site. From before, which may be nil, it inherits the last known state, so
// that a changed configuration does not start without one.
func start(config Config, log Logger, before *Site) (*Site, error) {
	source, err := config.Source.runner()
	if err != nil {
		return nil, err
	}
	s := &Site{
		config: config, log: log, store: staging.NewStore(),
		prober:  health.New(config.Probe, health.Ask(config.Probe.TLS)),
		targets: targets{}, files: locate.NewFollower(config.Locations), locations: make(chan locations), first: make(chan struct{}),
		reported: map[string]bool{}, source: source, activity: newActivities(config.Probe.Idle),
	}
	s.next.Store(new(make(chan struct{})))
	if before != nil {
		s.store.Inherit(before.store)
		s.seed = before.prober.Verdicts()
		s.reported = before.reportedFaults()
		s.inherits = before.View() != nil
		s.files.Inherit(before.files)
		if mine, ok := source.(*manifest.Dir); ok {
			mine.Inherit(before.source.(*manifest.Dir)) // one source has one type
		}
	}
	if s.drains, err = drainsOf(config, log, before); err != nil {
		log.Warningf("damaged: %v", err)
	}
	s.resolver = resolve.New(resolve.System(resolvConf), s.warner())
	if before != nil {
		s.resolver.Know(before.resolver.Found())
	}
	if config.Snapshot != "" && !s.inherits {
		s.restore()
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	if config.Admin != "" {
		if s.admin, err = admin.Listen(config.Admin, s.handler()); err != nil {
			s.stop()
			return nil, err
		}
	}
	s.running.Go(func() { s.follow(ctx) })
	s.running.Go(func() { s.prober.Run(ctx) })
	s.running.Go(func() { s.publish(ctx) })
	s.running.Go(func() { s.resolver.Run(ctx) })
	s.running.Go(func() { s.drains.keep(ctx) })
	if to, ok := source.(recorder); ok {
		s.running.Go(func() { s.record(ctx, to) })
	}
	if config.Speaker != "" {
		s.running.Go(func() { s.hint(ctx) })
	}
	if config.Snapshot != "" {
		s.running.Go(func() { s.persist(ctx) })
	}
	if !config.Locations.IsZero() {
		s.running.Go(func() { s.watchLocations(ctx) })
	}
	return s, nil
}

// close stops everything that the Site started, and waits for it to end.
func (s *Site) close() {
	s.stop()
	if s.admin != nil {
		s.admin.Close()
	}
	s.running.Wait()
}

// Inherits reports whether a predecessor had a state, which would be lost if this Site
// went into service without one.
func (s *Site) Inherits() bool { return s.inherits }

// Renderer returns the reply that the server would send to a query from an address, and
// whether the operator's own records alone decide it, even if the name is a function's.
type Renderer func(query *dns.Msg, from netip.Addr) (reply *dns.Msg, fixed bool, err error)

// SetRenderer makes explanations show the replies of r.
func (s *Site) SetRenderer(r Renderer) { s.renderer.Store(&r) }

// View returns the published View; nil until the first state is known.
func (s *Site) View() *View { return s.view.Load() }

// Published returns a channel that is closed when another View is published. Call it
// before View, or a change in between is missed.
func (s *Site) Published() <-chan struct{} { return *s.next.Load() }

// Config returns the configuration with which the Site was started.
func (s *Site) Config() Config { return s.config }

// Confirmed returns when the source last agreed with its origin.
func (s *Site) Confirmed() time.Time { return s.store.Confirmed() }

// Settled reports whether a state is published, every target has been probed, and the
// names of load balancers have been looked up.
func (s *Site) Settled() bool {
	return s.View() != nil && s.prober.Settled() && s.resolver.Settled()
}

// WaitFirst waits until the first View is published, at most for d.
func (s *Site) WaitFirst(d time.Duration) error {
	select {
	case <-s.first:
		return nil
	case <-time.After(d):
		return fmt.Errorf("no state from %s within %s", s.config.Source.Key(), d)
	}
}

// retry is the delay before a source that failed to start is tried again.
const retry = 5 * time.Second

// follow reads the source. A Site that was restored answers first: to read a hundred
// thousand functions takes all processors for seconds.
func (s *Site) follow(ctx context.Context) {
	warn := s.warner()
	if restored := !s.store.Confirmed().IsZero(); restored {
		select {
		case <-ctx.Done():
			return
		case <-s.first:
		}
	}
	again(ctx, func() error { return s.source.Run(ctx, s.store, warn) }, warn)
}

// again calls run repeatedly until ctx ends, with a pause between calls.
func again(ctx context.Context, run func() error, warn func(error)) {
	for {
		if err := run(); err != nil {
			warn(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
	}
}

// repeat is how often a persistent warning is repeated.
const repeat = time.Minute

// warner returns a function that logs errors, but the same error only once in a while: a
// source that is unavailable fails several times a second.
func (s *Site) warner() func(error) {
	var mu sync.Mutex
	last, lines := map[string]time.Time{}, quiet{}
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		text, now := brief.Text(err.Error()), time.Now()
		maps.DeleteFunc(last, func(_ string, at time.Time) bool { return now.Sub(at) > repeat })
		if _, recent := last[text]; recent {
			return
		}
		if ok, withheld := lines.allow("", now); ok {
			last[text] = now
			s.log.Warningf("%s%s", text, andMore(withheld))
		}
	}
}

func (s *Site) watchLocations(ctx context.Context) {
	warn := s.warner()
	use := func(table *locate.Table, faults []federation.Fault) {
		select {
		case <-ctx.Done():
		case s.locations <- locations{table, faults}:
		}
	}
	again(ctx, func() error { return s.files.Watch(ctx, use, warn) }, warn)
}
