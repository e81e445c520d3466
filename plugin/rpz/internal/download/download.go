// Package download keeps a policy zone up to date from a list that is published over HTTPS. It requests the list at
// an interval, with ETag and If-Modified-Since, and keeps the last good copy on disk.
//
// A published list was received completely, verified if a checksum is published, and parsed like a file. Whatever a
// server sends, the last published list stays; like that of a file, it never expires. Call Run once. It calls
// publish and report only from its own goroutine, one at a time. Progress and Refresh are safe for concurrent use
// at any time. Progress never blocks; Refresh waits.
package download

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/plugin/rpz/internal/demand"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Config says which list a List follows, and how.
type Config struct {
	// Zone is the name of the policy zone.
	Zone string
	// URL is the address of the list, and Checksum that of a file with its digest in sha256sum's format; "" for
	// none. Both are as ParseURL takes them.
	URL, Checksum string
	// Refresh is the time between two requests, from LeastRefresh to MostRefresh.
	Refresh time.Duration
	// Trust says which certificates are trusted, and Sources which addresses to connect from.
	Trust   outbound.Trust
	Sources outbound.Sources
	// File is the last good copy. No other List may use it. If it is empty, no copy is kept.
	File string
	// MaxRecords bounds the records of a list, including unusable ones, and MaxBytes its uncompressed size in
	// octets. Zero means DefaultMaxRecords and DefaultMaxBytes.
	MaxRecords, MaxBytes int
}

const (
	// DefaultRefresh is how often public lists change, according to most of them.
	DefaultRefresh = time.Hour
	// LeastRefresh protects the publishers of lists.
	LeastRefresh = time.Minute
	// MostRefresh is a week.
	MostRefresh = 7 * 24 * time.Hour
	// DefaultMaxRecords is several times the largest published list.
	DefaultMaxRecords = 5_000_000
	// DefaultMaxBytes leaves 50 octets for each of its records.
	DefaultMaxBytes = 256 << 20
)

// ParseURL checks the address of a list, or of its checksum.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be parsed; write https://HOST/PATH") // its error repeats the URL and any secret in it
	case u.Scheme != "https":
		return nil, fmt.Errorf("the scheme %q is not supported; use https", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host; write https://HOST/PATH")
	case !validPort(u.Port()):
		return nil, fmt.Errorf("the URL has the port %s; a port is from 1 to 65535", u.Port())
	case u.Fragment != "":
		return nil, errors.New("the URL has a fragment, which is not sent; remove it")
	}
	return u, nil
}

// validPort reports whether a connection can be made to a port; "" is the default of https.
func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port > 0
}

// Shown returns the address of a list, as ParseURL takes it, in a form that may be shown: without user, password
// and query. It is "" for an invalid one.
func Shown(text string) string {
	u, err := ParseURL(text)
	if err != nil {
		return ""
	}
	return shown(u)
}

// shown is a URL in the form that is logged: user, password and query may be secrets.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Event is the result of one request, or of an operation on the copy on disk. It is counted and, if Err is set,
// logged.
type Event struct {
	Zone   string
	Result Result
	// Err says what went wrong, where, and what to do. It is nil if nothing went wrong, or if a fault of the copy
	// was already reported.
	Err error
	// Recovered says that the copy on disk can be written again after a failure.
	Recovered bool
}

// List follows one list. Make it with New.
type List struct {
	config        Config
	url, checksum *url.URL // checksum is nil if none is published
	publish       func(*policyzone.Zone)
	report        func(Event)
	// transport is nil except in tests.
	transport http.RoundTripper
	progress  atomic.Pointer[Progress]
	demands   demand.Queue[tried]

	// The following fields belong to Run.
	held     *policyzone.Zone
	mark     mark
	failures int
	disk     folder.Disk
}

// New checks the configuration. publish is given each list, and report receives every success and failure.
func New(c Config, publish func(*policyzone.Zone), report func(Event)) (*List, error) {
	l := &List{publish: publish, report: report, demands: demand.NewQueue[tried]()}
	l.progress.Store(&Progress{})
	var err error
	if l.url, err = ParseURL(c.URL); err != nil {
		return nil, fmt.Errorf("download: zone %s: %w", c.Zone, err)
	}
	if c.Checksum != "" {
		if l.checksum, err = ParseURL(c.Checksum); err != nil {
			return nil, fmt.Errorf("download: zone %s: checksum: %w", c.Zone, err)
		}
	}
	if c.Refresh < LeastRefresh || c.Refresh > MostRefresh {
		return nil, fmt.Errorf("download: zone %s: the interval %s is not from %s to %s", c.Zone, c.Refresh, LeastRefresh, MostRefresh)
	}
	if c.MaxRecords == 0 {
		c.MaxRecords = DefaultMaxRecords
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	c.Zone = policyzone.Canonical(c.Zone)
	l.config = c
	return l, nil
}

// explain adds where it went wrong, and what to do.
func (l *List) explain(err error) error {
	stays := "; the last good list stays in use"
	if l.held == nil {
		stays = "; there is no list yet"
	}
	r := resultOf(err)
	return fmt.Errorf("zone %s: url %s: %s: %w; %s%s", l.config.Zone, shown(l.url), r, err, advice[r], stays)
}

// load publishes the copy of an earlier process.
func (l *List) load() {
	zone, mark, err := l.readCopy()
	switch {
	case err != nil:
		l.tell(Event{Result: CopyDamaged, Err: fmt.Errorf("zone %s: %w", l.config.Zone, err)})
	case zone != nil:
		l.held, l.mark = zone, mark
		l.publish(zone)
		l.tell(Event{Result: CopyLoaded})
	}
}

func (l *List) tell(e Event) {
	e.Zone = l.config.Zone
	results.WithLabelValues(e.Zone, string(e.Result)).Inc()
	l.report(e)
}

// tellCopy reports the result of an operation on the copy on disk.
func (l *List) tellCopy(err error) {
	result := CopyWritten
	failed, recovered := l.disk.Tried(err)
	if err != nil {
		result = CopyFailed
	}
	if failed != nil {
		failed = fmt.Errorf("zone %s: cannot save the last good copy; after a restart, the zone waits for the list: %w", l.config.Zone, failed)
	}
	l.tell(Event{Result: result, Err: failed, Recovered: recovered})
}
