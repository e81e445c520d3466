// Package secondary keeps a policy zone up to date from a primary: with AXFR (RFC 5936) and IXFR (RFC 1995), signed
// with TSIG (RFC 8945) and started by NOTIFY (RFC 1996) or the timers of the zone's SOA. It keeps the last good
// copy on disk.
//
// It publishes a generation that was completely received, verified and saved, or nil once the zone has expired.
// Whatever a primary does wrong, the last published generation stays. Call Run once. It calls publish and report
// only from its own goroutine, one at a time. Accepts, Notify, Status and Refresh are safe for concurrent use at
// any time. Only Refresh blocks: it waits.
package secondary

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/plugin/rpz/internal/demand"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Config says which zone a Secondary follows, and how.
type Config struct {
	// Zone is the name of the policy zone.
	Zone string
	// Primaries are tried in this order, the one that sent a NOTIFY first.
	Primaries []netip.AddrPort
	// Key signs requests; answers must then be signed with it. If it is nil, nothing is signed, and a signed answer
	// is refused.
	Key *Key
	// Trust makes all requests, even for the serial, use TLS (RFC 9103), to primaries with a certificate that it accepts. If
	// it is nil, plain DNS is used.
	Trust *outbound.Trust
	// Sources are the local addresses for requests to primaries.
	Sources outbound.Sources
	// File is the last good copy. No other Secondary may use it. Its directory is made if it is missing. If it is
	// empty, no copy is kept.
	File string
	// MaxRecords bounds a generation, and MaxBytes the octets of one transfer. Zero means DefaultMaxRecords and
	// DefaultMaxBytes.
	MaxRecords, MaxBytes int
	// Timeouts that are zero have their defaults.
	Timeouts Timeouts
}

// Timeouts bound the steps of a request to one primary.
type Timeouts struct {
	// Query is for one answer over UDP, which is queried twice; default 3 s.
	Query time.Duration
	// Dial is for a TCP connection, with its TLS handshake; default 10 s.
	Dial time.Duration
	// Idle is for one whole message of a transfer; default 30 s.
	Idle time.Duration
	// Total is for one transfer; default 30 min, enough for a gigabyte at 5 Mbit/s.
	Total time.Duration
}

const (
	// DefaultMaxRecords is several times the largest policy zones that are sold, and takes about a gigabyte of
	// memory.
	DefaultMaxRecords = 5_000_000
	// DefaultMaxBytes is what a zone of that size takes uncompressed.
	DefaultMaxBytes = 1 << 30
)

// Event is the result of one request to a primary, an operation on the copy on disk, or an expiry. It is counted
// and, if Err is set, logged.
type Event struct {
	Zone string
	// Primary is the zero value if no primary is concerned.
	Primary netip.AddrPort
	Result  Result
	// Serial is that of the generation then held, if any.
	Serial uint32
	// Skipped counts records that were left out because they are outside the zone.
	Skipped int
	// Err says what went wrong, where, and what to do. It is nil if nothing went wrong, or if a fault of the copy
	// was already reported.
	Err error
	// Recovered says that the copy on disk can be written again after a failure.
	Recovered bool
}

// Status is the state of a Secondary.
type Status struct {
	// Held says that there is a generation, with Serial and Records (without the SOA). It may have expired.
	Held    bool
	Serial  uint32
	Records int
	// Confirmed is when a primary last confirmed the generation, and Expires when it is withdrawn unless one does
	// so again.
	Confirmed, Expires time.Time
	// Expired says that the generation was withdrawn.
	Expired bool
	// Tried is when the last attempt ended, zero before the first one has, and Result its result; Err is its error,
	// nil after a success.
	Tried  time.Time
	Result Result
	Err    error
	// Next is when the next attempt begins; zero while one is in progress.
	Next time.Time
}

// Secondary follows one zone. Make it with New.
type Secondary struct {
	config  Config
	publish func(*policyzone.Zone)
	report  func(Event)
	// dial is that of Sources, except in tests.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// notified has room for one: further ones are answered by the same refresh.
	notified chan notification
	status   atomic.Pointer[Status]
	demands  demand.Queue[tried]

	// The following fields belong to Run.
	held      *policyzone.Zone
	confirmed time.Time
	expired   bool
	failures  int
	last      tried
	ended     time.Time // when that was
	next      time.Time
	copy      *store
	disk      folder.Disk
}

// New checks the configuration. publish is given each generation, or nil when the zone has expired; report receives
// every success and failure.
func New(c Config, publish func(*policyzone.Zone), report func(Event)) (*Secondary, error) {
	if _, ok := dns.IsDomainName(c.Zone); !ok || c.Zone == "" {
		return nil, fmt.Errorf("secondary: %q is not a zone name", c.Zone)
	}
	c.Zone = policyzone.Canonical(c.Zone)
	if len(c.Primaries) == 0 {
		return nil, fmt.Errorf("secondary: zone %s has no primary", c.Zone)
	}
	if c.MaxRecords < 0 || c.MaxBytes < 0 {
		return nil, fmt.Errorf("secondary: zone %s: a limit is negative", c.Zone)
	}
	if c.Key != nil {
		if _, err := c.Key.secret(); err != nil {
			return nil, fmt.Errorf("secondary: zone %s: %w", c.Zone, err)
		}
	}
	c.setDefaults()
	s := &Secondary{config: c, publish: publish, report: report, dial: c.Sources.Dial, notified: make(chan notification, 1), demands: demand.NewQueue[tried]()}
	s.copy = &store{path: c.File, zone: c.Zone, limit: c.MaxRecords}
	s.status.Store(&Status{})
	return s, nil
}

func (c *Config) setDefaults() {
	c.Primaries = slices.Clone(c.Primaries)
	for _, d := range []struct {
		value *int
		is    int
	}{{&c.MaxRecords, DefaultMaxRecords}, {&c.MaxBytes, DefaultMaxBytes}} {
		if *d.value == 0 {
			*d.value = d.is
		}
	}
	for _, d := range []struct {
		value *time.Duration
		is    time.Duration
	}{{&c.Timeouts.Query, 3 * time.Second}, {&c.Timeouts.Dial, 10 * time.Second}, {&c.Timeouts.Idle, 30 * time.Second}, {&c.Timeouts.Total, 30 * time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.is
		}
	}
}

// Status returns the state of the zone.
func (s *Secondary) Status() Status { return *s.status.Load() }

// Run publishes the copy on disk and then follows the primaries until ctx ends.
func (s *Secondary) Run(ctx context.Context) {
	s.load()
	s.run(ctx)
}

// load reads the copy of an earlier process. It does not publish an expired copy, but differences may still be
// requested from it.
func (s *Secondary) load() {
	zone, confirmed, err := s.copy.load()
	if err != nil {
		s.tell(Event{Result: CopyDamaged, Err: fmt.Errorf("zone %s: %w", s.config.Zone, err)})
	}
	if zone == nil {
		return
	}
	// A clock that was set back must not make the copy live longer than EXPIRE.
	if now := time.Now(); confirmed.After(now) {
		confirmed = now
	}
	s.held, s.confirmed = zone, confirmed
	if time.Now().Before(s.expires()) {
		s.give(zone)
		s.tell(Event{Result: CopyLoaded})
	} else {
		s.expired = true
		s.tell(Event{Result: Expired, Err: s.expiry()})
	}
}

// expires is when the generation is withdrawn, unless it is confirmed again.
func (s *Secondary) expires() time.Time { return s.confirmed.Add(expireAfter(s.held.SOA())) }

func (s *Secondary) expiry() error {
	return fmt.Errorf("zone %s, serial %d: expired: no primary has confirmed it since %s, and its SOA expires after %s; its rules are withdrawn until one does; check the errors reported for the primaries",
		s.config.Zone, s.held.Serial(), s.confirmed.UTC().Format(time.RFC3339), expireAfter(s.held.SOA()))
}

// expire withdraws the generation.
func (s *Secondary) expire() {
	s.expired = true
	s.give(nil)
	s.tell(Event{Result: Expired, Err: s.expiry()})
}

// confirm notes that a primary has the generation held, and publishes it if it had been withdrawn.
func (s *Secondary) confirm(now time.Time, changed bool) {
	s.confirmed = now
	if changed || s.expired {
		s.expired = false
		s.give(s.held)
	}
}

// give publishes the generation, after it has updated Status.
func (s *Secondary) give(zone *policyzone.Zone) {
	s.stand()
	s.publish(zone)
}

// stand updates Status.
func (s *Secondary) stand() {
	st := Status{Expired: s.expired, Tried: s.ended, Result: s.last.result, Err: s.last.err, Next: s.next}
	if s.held != nil {
		st.Held, st.Serial, st.Records, st.Confirmed, st.Expires = true, s.held.Serial(), s.held.Len(), s.confirmed, s.expires()
	}
	s.status.Store(&st)
}

// tell counts and reports.
func (s *Secondary) tell(e Event) {
	s.stand()
	e.Zone = s.config.Zone
	e.Serial = s.Status().Serial
	results.WithLabelValues(e.Zone, string(e.Result)).Inc()
	skipped.WithLabelValues(e.Zone).Add(float64(e.Skipped))
	s.report(e)
}

// finish takes over the result of an attempt: first onto the disk, then to publish it.
func (s *Secondary) finish(o outcome) {
	now := time.Now()
	s.last, s.ended = o.tried(), now
	switch {
	case o.zone != nil:
		s.failures = 0
		kept, err := s.copy.save(s.held, o.zone, o.differences, now)
		s.held = o.zone
		s.confirm(now, true)
		s.tellAll(o.events)
		s.tellCopy(kept, err)
	case o.current:
		s.failures = 0
		s.confirm(now, false)
		s.tellAll(o.events)
		s.tellCopy(s.copy.confirm(s.held, now))
	default:
		s.failures++
		s.tellAll(o.events)
	}
	s.tellCopy(s.copy.compact(s.held, s.confirmed))
}

func (s *Secondary) tellAll(events []Event) {
	for _, e := range events {
		s.tell(e)
	}
}

// tellCopy reports the result of an operation on the copy on disk; empty for none.
func (s *Secondary) tellCopy(r Result, err error) {
	if r == "" {
		return
	}
	failed, recovered := s.disk.Tried(err)
	if failed != nil {
		failed = fmt.Errorf("zone %s: cannot save the last good copy; after a restart, the zone waits for a primary: %w", s.config.Zone, failed)
	}
	s.tell(Event{Result: r, Err: failed, Recovered: recovered})
}
