package bgp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/judge"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin"
)

const (
	// retry is the pause before a failed step is repeated.
	retry = time.Second
	// closing limits the end of the sessions: a peer that does not read must not keep the process
	// alive. It also limits how long the speaker retries a withdrawal, or the removal of an
	// address, at that time.
	closing = 5 * time.Second
)

// Options configure a speaker.
type Options struct {
	// Path is the configuration file, which is watched; "" keeps Config.
	Path   string
	Config *config.Config
	// Reload triggers a reread of Path; it may be nil.
	Reload <-chan struct{}
	// Hurry, when closed, immediately ends the drain that follows the end of Run's context; it may
	// be nil.
	Hurry     <-chan struct{}
	Announcer Announcer
	Binder    Binder
	// Cluster is nil if Services are not read.
	Cluster Cluster
	// Gateways is nil if default routes are not used.
	Gateways GatewayFinder
	Log      *slog.Logger
}

// speaker drives one Controller. Only its loop uses the fields below; all others submit work
// through do.
type speaker struct {
	Options
	metrics *metrics
	view    view
	heart   heartbeat
	work    chan func()
	results chan result
	done    chan struct{}                    // closed when the loop has ended
	lacking atomic.Pointer[[]session.Status] // of found, for the status
	// around is the context that lasts until the final drain is over.
	around     context.Context
	background sync.WaitGroup

	controller *judge.Controller
	runner     *runner
	drains     *drains
	local      cluster.Declared
	refused    []cluster.Refusal               // a few of each namespace
	granted    map[vip.ServiceRef][]netip.Addr // last passed to the cluster
	fault      string
	texts      config.Digest            // content of the file in force; zero if another was refused since
	gateways   map[route.Family]Gateway // as last found
	found      found                    // the resulting sessions
	follows    bool                     // the default routes are watched
	// refusedInAll also counts refusals that refused omits.
	refusedInAll int
	warned       map[string]bool // warnings about the current file

	// version is the applied version of the controller's results, and withdrawn when the checks
	// failed that have caused withdrawals since.
	version       judge.Version
	withdrawn     []time.Time
	sampling      atomic.Bool // whether the time until a withdrawal is sent is being measured
	applied       judge.Desired
	announced     []route.Route // as the announcer last reported
	announceFault string        // last logged fault
	addresses     addresses
	discards      discards
	more          bool      // more routes remain to be announced
	dirty         bool      // something failed or was only partly done
	retryAt       time.Time // when to repeat it
}

// Run announces what the configuration, the cluster and the checks say until ctx ends. It then
// drains everything, ends the sessions and returns. Further input, except Hurry, neither prolongs
// nor shortens the drain.
func Run(ctx context.Context, o Options) error { return newSpeaker(o).run(ctx) }

func newSpeaker(o Options) *speaker {
	s := &speaker{
		Options: o, work: make(chan func()), results: make(chan result, atOnce), done: make(chan struct{}),
		controller: judge.NewController(o.Config), addresses: addresses{stale: true},
	}
	s.metrics = newMetrics(s)
	s.lacking.Store(new([]session.Status))
	s.view.asked, s.view.timer = make(chan chan struct{}), time.NewTimer(0)
	return s
}

func (s *speaker) run(ctx context.Context) error {
	closers, err := s.open()
	if err != nil {
		return errors.Join(err, s.Announcer.Close(closing))
	}
	defer closers()
	var cancel context.CancelFunc
	s.around, cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.findPeers(0); err != nil {
		s.Log.Error("cannot add some peers; retrying", "error", err)
	}
	s.warn(config.Warnings(s.Path))
	s.runner = newRunner(s.around, s.results)
	s.follow()
	s.background.Go(func() { s.drains.keep(s.around, s.Log) })
	s.background.Go(func() { s.followAddresses(s.around) })
	s.loop(ctx)
	cancel()
	err = s.Announcer.Close(closing)
	s.release()
	s.ended()
	return err
}

// open opens the sockets and the state directory.
func (s *speaker) open() (closers func(), err error) {
	if s.drains, err = openDrains(s.Config.State); err != nil {
		s.Log.Error("drains", "error", err)
	}
	now := time.Now()
	s.log(s.controller.SetDrains(s.drains.now(now), now))
	s.declare(now)
	s.publish(now)
	s.heart.beat(now)
	stopMetrics, err := s.metrics.serve(s.Config.Metrics)
	if err != nil {
		return nil, err
	}
	stopHealth, err := s.serveHealth(s.Config.Health)
	if err != nil {
		stopMetrics()
		return nil, err
	}
	stop := func() { stopHealth(); stopMetrics() }
	if s.Config.Admin == "" {
		return stop, nil
	}
	socket, err := admin.Listen(s.Config.Admin, s.handler())
	if err != nil {
		stop()
		return nil, err
	}
	return func() { socket.Close(); stop() }, nil
}

// do runs work in the loop, and reports whether it ran: the loop or ctx may have ended.
func (s *speaker) do(ctx context.Context, work func()) bool {
	finished := make(chan struct{})
	select {
	case s.work <- func() { work(); close(finished) }:
		<-finished
		return true
	case <-s.done:
	case <-ctx.Done():
	}
	return false
}

// loop applies the results of all its inputs, until ctx ends and the final drain is over.
func (s *speaker) loop(ctx context.Context) {
	defer close(s.done)
	stop, hurry := ctx.Done(), (<-chan struct{})(nil)
	var gone time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	pulse := time.NewTicker(beatEvery)
	defer pulse.Stop()
	for {
		now := time.Now()
		s.heart.beat(now)
		wake := s.apply(now)
		if stop == nil && s.controller.Gone(now) {
			if gone.IsZero() {
				gone = now
			}
			if !s.dirty || now.Sub(gone) >= closing {
				return
			}
		}
		timer.Reset(wake)
		select {
		case <-stop:
			stop = nil // continue until everything has left
			s.Log.Info("draining everything; send a second signal to stop immediately")
			s.Announcer.Freeze()
			hurry = s.Hurry
			s.log(s.controller.Stop(time.Now()))
		case <-hurry:
			hurry = nil
			s.Log.Info("withdrawing everything immediately")
			s.log(s.controller.Hurry(time.Now()))
		case work := <-s.work:
			work()
			s.view.outdated = true
		case r := <-s.results:
			s.observe(r)
			s.observeMore()
		case <-timer.C:
		case <-pulse.C:
			s.refresh(time.Now())
		case made := <-s.view.asked:
			s.view.take(made, time.Now())
		case <-s.view.timer.C:
			s.publish(time.Now())
		}
	}
}

// atOnce limits how many results are read before they are applied.
const atOnce = 256

// observeMore reads the waiting results, so that the consequences of thousands are applied
// together.
func (s *speaker) observeMore() {
	for range atOnce {
		select {
		case r := <-s.results:
			s.observe(r)
		default:
			return
		}
	}
}

// declare combines what the file and the cluster want.
func (s *speaker) declare(now time.Time) {
	cfg := *s.Config
	cfg.Peers = slices.Concat(cfg.Peers, s.found.peers) // no Service gets the address of a discovered router
	vips, refused := cluster.Assign(&cfg, s.local.Services)
	refused = append(slices.Clone(s.local.Refused), refused...)
	s.refusedInAll = len(refused)
	refused = cluster.FewOfEach(refused)
	said := map[cluster.Refusal]bool{}
	for _, r := range s.refused {
		said[r] = true
	}
	for _, r := range refused {
		if !said[r] {
			s.Log.Warn("refused", "service", r.Service, "address", r.Address, "reason", r.Reason)
		}
	}
	s.refused = refused
	s.log(s.controller.Declare(vips, now))
	s.log(s.controller.SetNodeDrained(s.local.Drained, now))
	s.assign()
}

// warn logs once what the file permits but its operator may not want.
func (s *speaker) warn(warnings []error) {
	before := s.warned
	s.warned = map[string]bool{}
	for _, warning := range warnings {
		text := warning.Error()
		s.warned[text] = true
		if !before[text] {
			s.Log.Warn("configuration in effect, with a warning", "warning", text)
		}
	}
}

// assign tells the cluster which addresses the Services have.
func (s *speaker) assign() {
	granted := s.controller.Granted()
	if s.Cluster != nil && !reflect.DeepEqual(granted, s.granted) {
		s.granted = granted
		s.Cluster.Assign(granted)
	}
}

// log logs what changed.
func (s *speaker) log(changed []vip.Transition) {
	s.view.outdated = s.view.outdated || len(changed) > 0
	for _, t := range changed {
		s.metrics.transitions.WithLabelValues(t.VIP.String(), string(t.To)).Inc()
		s.Log.Info("vip changed", "vip", t.VIP, "from", t.From, "to", t.To, "reason", t.Reason.Text)
	}
}
