// Package secondary keeps a policy zone up to date from a primary: AXFR (RFC 5936)
// and IXFR (RFC 1995) signed with TSIG (RFC 8945), started by NOTIFY (RFC 1996) and
// by the timers of the zone's SOA, with the last good copy on disk.
//
// What is published is a whole generation that was received, verified and kept to
// its end, or nil once the zone has expired; whatever a primary does wrong, the
// generation published last stays. Run is called once, and calls publish and
// report from its goroutine alone, one at a time. Accepts, Notify and Status may
// be called by any goroutine, at any time, and never block; so may Refresh, which waits.
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

	"github.com/nearcast/nearcast/internal/folder"
	"github.com/nearcast/nearcast/plugin/rpz/internal/demand"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Config is what a Secondary follows, and how.
type Config struct {
	// Zone is the name of the policy zone.
	Zone string
	// Primaries are tried in this order, the one that sent a NOTIFY first.
	Primaries []netip.AddrPort
	// Key signs what is asked; answers must then be signed with it. Nil: nothing is
	// signed, and a signed answer is refused.
	Key *Key
	// Trust has all that is asked, the serial too, go over TLS (RFC 9103), to primaries
	// with such a certificate. Nil: plain DNS.
	Trust *outbound.Trust
	// Sources are the addresses that primaries are asked from.
	Sources outbound.Sources
	// File is the last good copy, of this Secondary alone. Its folder is made
	// where it is missing. Empty: nothing is kept.
	File string
	// MaxRecords bounds a generation, and MaxBytes what one transfer may send, in
	// octets. Zero: DefaultMaxRecords, DefaultMaxBytes.
	MaxRecords, MaxBytes int
	// Timeouts that are zero have their defaults.
	Timeouts Timeouts
}

// Timeouts bound the steps of asking one primary.
type Timeouts struct {
	// Query is for one answer over UDP, which is asked for twice; default 3 s.
	Query time.Duration
	// Dial is for a TCP connection, with its TLS; default 10 s.
	Dial time.Duration
	// Idle is for one whole message of a transfer; default 30 s.
	Idle time.Duration
	// Total is for one transfer; default 30 min, in which a gigabyte passes at
	// 5 Mbit/s.
	Total time.Duration
}

const (
	// DefaultMaxRecords is several times the largest policy zones that are sold,
	// and about a gigabyte of memory.
	DefaultMaxRecords = 5_000_000
	// DefaultMaxBytes is what such a zone takes uncompressed.
	DefaultMaxBytes = 1 << 30
)

// Event is what came of one request to a primary, of the copy on disk, or of
// time. It is for counting and, where Err is set, for the log.
type Event struct {
	Zone string
	// Primary is the zero value where none is concerned.
	Primary netip.AddrPort
	Result  Result
	// Serial is that of the generation held afterwards, if any is.
	Serial uint32
	// Skipped are records that were left out as outside the zone.
	Skipped int
	// Err says what went wrong, where, and what to do; nil where nothing did, and of a
	// copy where that was said.
	Err error
	// Recovered says that the copy on disk is kept again, after it could not be.
	Recovered bool
}

// Status is how a Secondary stands.
type Status struct {
	// Held says that there is a generation, with Serial and Records (the SOA not
	// counted). It may have expired.
	Held    bool
	Serial  uint32
	Records int
	// Confirmed is when a primary last agreed with the generation, and Expires
	// when it is withdrawn if none does so again.
	Confirmed, Expires time.Time
	// Expired says that the generation was withdrawn.
	Expired bool
	// Tried is when the last attempt ended, zero before the first one has, and Result
	// what came of it; Err is what it failed with, nil after a success.
	Tried  time.Time
	Result Result
	Err    error
	// Next is when the next attempt begins; zero while one is under way.
	Next time.Time
}

// Secondary follows one zone. Make it with New.
type Secondary struct {
	config  Config
	publish func(*policyzone.Zone)
	report  func(Event)
	// dial is that of Sources, but for tests.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// notified has room for one: further ones are answered by the same refresh.
	notified chan notification
	status   atomic.Pointer[Status]
	demands  demand.Queue[tried]

	// What follows belongs to Run.
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

// New checks the configuration. publish is given each generation, or nil when
// the zone has expired; report receives everything that went well or wrong.
func New(c Config, publish func(*policyzone.Zone), report func(Event)) (*Secondary, error) {
	if _, ok := dns.IsDomainName(c.Zone); !ok || c.Zone == "" {
		return nil, fmt.Errorf("secondary: %q is no name of a zone", c.Zone)
	}
	c.Zone = policyzone.Canonical(c.Zone)
	if len(c.Primaries) == 0 {
		return nil, fmt.Errorf("secondary: zone %s has no primary", c.Zone)
	}
	if c.MaxRecords < 0 || c.MaxBytes < 0 {
		return nil, fmt.Errorf("secondary: zone %s: a bound is less than zero", c.Zone)
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

// Status returns how the zone stands.
func (s *Secondary) Status() Status { return *s.status.Load() }

// Run publishes the copy on disk and then follows the primaries until ctx ends.
func (s *Secondary) Run(ctx context.Context) {
	s.load()
	s.run(ctx)
}

// load takes up what was kept by an earlier process. An expired copy is not
// published, but differences may still be asked for from it.
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
	return fmt.Errorf("zone %s, serial %d: no primary has confirmed it since %s, and its SOA allows %s: its rules are withdrawn until one does; see what is reported of the primaries",
		s.config.Zone, s.held.Serial(), s.confirmed.UTC().Format(time.RFC3339), expireAfter(s.held.SOA()))
}

// expire withdraws the generation.
func (s *Secondary) expire() {
	s.expired = true
	s.give(nil)
	s.tell(Event{Result: Expired, Err: s.expiry()})
}

// confirm notes that a primary agrees with what is held, and publishes it if
// that was not so any more.
func (s *Secondary) confirm(now time.Time, changed bool) {
	s.confirmed = now
	if changed || s.expired {
		s.expired = false
		s.give(s.held)
	}
}

// give publishes, after what Status says.
func (s *Secondary) give(zone *policyzone.Zone) {
	s.stand()
	s.publish(zone)
}

// stand makes Status say what is so now.
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

// finish takes over what an attempt brought: first onto the disk, then to
// those who ask.
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

// tellCopy reports what became of the copy on disk; empty: nothing.
func (s *Secondary) tellCopy(r Result, err error) {
	if r == "" {
		return
	}
	failed, recovered := s.disk.Tried(err)
	if failed != nil {
		failed = fmt.Errorf("zone %s: the last good copy is not kept, and a restart would have to wait for a primary: %w", s.config.Zone, failed)
	}
	s.tell(Event{Result: r, Err: failed, Recovered: recovered})
}
