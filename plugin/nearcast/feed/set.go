package feed

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
)

// Source is what a Set makes its zones from.
type Source interface {
	// View returns what is published; nil until there is something.
	View() *site.View
	// Published returns a channel that is closed at the next View.
	Published() <-chan struct{}
	// Settled reports whether every target has been probed.
	Settled() bool
}

// Config configures a Set.
type Config struct {
	Lines  []Line
	Apexes []Apex
	TTL    TTL
	// Dir is where Books are kept; "" to keep none.
	Dir string
	// Source is the key of the feeds' source.
	Source string
	// Secrets are the secrets of the Lines' keys, in base64.
	Secrets map[string]string
	// Settle is how long a zone read from disk waits for the first probes.
	Settle time.Duration
	// Awake is how often functions are marked as in use; 0 for never.
	Awake time.Duration
	Log   Logger
}

// Set is the feeds of one server block.
type Set struct {
	config   Config
	source   Source
	zones    atomic.Pointer[map[string]*writtenZone] // by the policy zone's name
	pokes    chan struct{}
	notifier *notifier

	writer writer
	warned map[string]bool

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Start returns a Set that writes and serves its zones until Close. It serves zones read from disk at once.
func Start(config Config, source Source) *Set { return start(config, source, nil) }

// start is Start with NOTIFYs sent by tell; nil to send them over the network.
func start(config Config, source Source, tell func(*dns.Msg, string) (*dns.Msg, error)) *Set {
	s := &Set{
		config: config, source: source, pokes: make(chan struct{}, 1), warned: map[string]bool{},
		writer: writer{rules: rules{apexes: config.Apexes, ttl: config.TTL, log: config.Log}},
	}
	s.zones.Store(&map[string]*writtenZone{})
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.notifier = newNotifier(ctx, &s.running, config.Secrets)
	if tell != nil {
		s.notifier.exchange = tell
	}
	s.open(nil)
	s.running.Go(func() { s.run(ctx) })
	return s
}

// Close ends the Set and waits until it has ended.
func (s *Set) Close() {
	s.stop()
	s.running.Wait()
	for _, z := range *s.zones.Load() {
		z.book.release(s)
	}
	s.zones.Store(&map[string]*writtenZone{})
}

// Rewrite makes the Set write its zones again, because the operator's file of records has changed.
func (s *Set) Rewrite() { s.poke() }

// poke makes the Set write again.
func (s *Set) poke() {
	select {
	case s.pokes <- struct{}{}:
	default:
	}
}

const (
	// coalesce is the least time between two changes of serial: verdicts come in bursts, and each change means a
	// NOTIFY and a transfer for every secondary.
	coalesce = 200 * time.Millisecond
	// share limits the part of a processor that a Set takes: after a write it rests for so many times as long, but
	// for at most mostRest, so that a failover does not wait.
	share    = 4
	mostRest = time.Second
	// settling is how often to check whether the first probes are complete.
	settling = 50 * time.Millisecond
)

func (s *Set) run(ctx context.Context) {
	var awake <-chan time.Time // never
	if s.config.Awake > 0 {
		ticker := time.NewTicker(s.config.Awake)
		defer ticker.Stop()
		awake = ticker.C
	}
	if !s.settle(ctx) {
		return
	}
	for {
		next := s.source.Published()
		began := time.Now()
		s.write(s.source.View())
		if !pause(ctx, min(max(coalesce, share*time.Since(began)), mostRest)) {
			return
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-next:
				waiting = false
			case <-s.pokes:
				waiting = false
			case <-awake:
				s.wake()
			}
		}
	}
}

// settle waits for the first View and then, if zones were read from disk, for the first probes, because these zones// hold earlier verdicts. It returns false if ctx has ended.
func (s *Set) settle(ctx context.Context) bool {
	for next := s.source.Published(); s.source.View() == nil; next = s.source.Published() {
		select {
		case <-ctx.Done():
			return false
		case <-next:
		}
	}
	s.open(s.source.View())
	kept := false
	for _, z := range *s.zones.Load() {
		kept = kept || z.book.now.Load() != nil
	}
	deadline := time.Now().Add(s.config.Settle)
	for kept && !s.source.Settled() && time.Now().Before(deadline) {
		if !pause(ctx, settling) {
			return false
		}
	}
	return true
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// write updates all zones to the View.
func (s *Set) write(v *site.View) {
	s.open(v)
	var ready []*writtenZone
	for _, z := range *s.zones.Load() {
		z.reread()
		if from, known := v.From(z.Region, z.Zone); known {
			z.from = from
			ready = append(ready, z)
		} else {
			z.entries, z.base = nil, nil
			s.warn("feed %s: no cluster and no location has the region %s, so the zone is empty", z.head.policy, z.Scope)
		}
	}
	slices.SortFunc(ready, func(a, b *writtenZone) int { return cmp.Compare(a.head.policy, b.head.policy) })
	s.wake()
	for _, z := range s.writer.write(s, v, ready) {
		s.notify(z)
	}
}

// wake keeps the functions from becoming idle, because the clients of their feeds are not seen here.
func (s *Set) wake() {
	if v := s.source.View(); v != nil && s.config.Awake > 0 {
		for i := range v.State.All() {
			v.Asked(i)
		}
	}
}

// open makes the zones that the lines and the View call for.
func (s *Set) open(v *site.View) {
	before := *s.zones.Load()
	now := map[string]*writtenZone{}
	for i := range s.config.Apexes {
		apex := &s.config.Apexes[i]
		for _, scope := range s.scopes(v) {
			name, ok := scope.PolicyZone(apex.Zone)
			if !ok {
				s.warn("feed: %s cannot be part of a domain name below %s", scope, apex.Zone)
				continue
			}
			if z := now[name]; z != nil {
				if z.Scope != scope {
					s.warn("%s is the zone name of the feeds of %s and of %s; the second has no feed", name, z.Scope, scope)
				}
				continue
			}
			if now[name] = before[name]; now[name] == nil || now[name].Scope != scope {
				now[name] = s.openZone(apex, scope, name)
			}
		}
	}
	s.zones.Store(&now)
	for name, z := range before {
		if now[name] != z && v != nil {
			z.book.release(s)
		}
	}
}

func (s *Set) openZone(apex *Apex, scope Scope, name string) *writtenZone {
	h := &head{apex: *apex, policy: name, ttl: s.config.TTL.Fixed(), records: apex.records()}
	z := &writtenZone{Scope: scope, head: h, current: h, book: acquire(bookKey{s.config.Dir, s.config.Source, name}, h, s, s.config.Log)}
	if h := z.book.now.Load(); h != nil && time.Since(time.Unix(int64(h.serial), 0)) < recent {
		s.notify(z) // the process may have stopped before it sent the NOTIFY
	}
	return z
}

// recent is how long after a change a start announces it again.
const recent = 2 * time.Minute

// scopes are those of the lines, and the View's regions if a line is for all.
func (s *Set) scopes(v *site.View) []Scope {
	var all []Scope
	for _, l := range s.config.Lines {
		if l.Region != All {
			all = append(all, l.Scope)
		} else if v != nil {
			for _, region := range v.Regions() {
				all = append(all, Scope{Region: region, Tenant: l.Tenant})
			}
		}
	}
	return all
}

// warn logs a warning once.
func (s *Set) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !s.warned[text] {
		s.warned[text] = true
		s.config.Log.Warningf("%s", text)
	}
}
