// Package download keeps a policy zone up to date from a list that is published by
// HTTPS: asked for again at an interval, with ETag and If-Modified-Since, and with the
// last good copy on disk.
//
// What is published is a whole list that was received to its end, verified where a
// checksum is published, and parsed as a file is; whatever a server sends, the list
// published last stays, without an end to its life, as that of a file. Run is called
// once, and calls publish and report from its goroutine alone, one at a time. Progress
// may be called by any goroutine, at any time, and never blocks; so may Refresh, which waits.
package download

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/folder"
	"github.com/nearcast/nearcast/plugin/rpz/internal/demand"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Config is what a List follows, and how.
type Config struct {
	// Zone is the name of the policy zone.
	Zone string
	// URL is where the list is, and Checksum where a file of sha256sum's form with its
	// digest is, "" for nowhere. Both are as ParseURL takes them.
	URL, Checksum string
	// Refresh is the time between two requests, from LeastRefresh to MostRefresh.
	Refresh time.Duration
	// Trust says which certificates are believed, and Sources what is connected from.
	Trust   outbound.Trust
	Sources outbound.Sources
	// File is the last good copy, of this List alone. Empty: nothing is kept.
	File string
	// MaxRecords bounds how many records a list may have, those that cannot be used
	// included, and MaxBytes its size in octets, uncompressed. Zero: DefaultMaxRecords, DefaultMaxBytes.
	MaxRecords, MaxBytes int
}

const (
	// DefaultRefresh is how often public lists change, as most say of themselves.
	DefaultRefresh = time.Hour
	// LeastRefresh spares who publishes lists.
	LeastRefresh = time.Minute
	// MostRefresh is a week.
	MostRefresh = 7 * 24 * time.Hour
	// DefaultMaxRecords is several times the largest list that is published.
	DefaultMaxRecords = 5_000_000
	// DefaultMaxBytes leaves 50 octets to each of its records.
	DefaultMaxBytes = 256 << 20
)

// ParseURL checks the address of a list, or of its checksum.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be parsed; write https://HOST/PATH") // its error repeats what may be a secret
	case u.Scheme != "https":
		return nil, fmt.Errorf("the scheme %q cannot be used; lists come by https alone", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host; write https://HOST/PATH")
	case !validPort(u.Port()):
		return nil, fmt.Errorf("the URL has the port %s; ports are from 1 to 65535", u.Port())
	case u.Fragment != "":
		return nil, errors.New("the URL has a fragment, which is not sent; remove it")
	}
	return u, nil
}

// validPort reports whether a connection can be made to a port; "" is that of https.
func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port > 0
}

// Shown is the address of a list, as ParseURL takes it, as it may be shown: without user,
// password and query. It is "" for what is none.
func Shown(text string) string {
	u, err := ParseURL(text)
	if err != nil {
		return ""
	}
	return shown(u)
}

// shown is a URL as it is logged: user, password and query may be secrets.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Event is what came of one request, or of the copy on disk. It is for counting and,
// where Err is set, for the log.
type Event struct {
	Zone   string
	Result Result
	// Err says what went wrong, where, and what to do; nil where nothing did, and of a
	// copy where that was said.
	Err error
	// Recovered says that the copy on disk is kept again, after it could not be.
	Recovered bool
}

// List follows one list. Make it with New.
type List struct {
	config        Config
	url, checksum *url.URL // checksum is nil where none is published
	publish       func(*policyzone.Zone)
	report        func(Event)
	// transport is nil, but for tests.
	transport http.RoundTripper
	progress  atomic.Pointer[Progress]
	demands   demand.Queue[tried]

	// What follows belongs to Run.
	held     *policyzone.Zone
	mark     mark
	failures int
	disk     folder.Disk
}

// New checks the configuration. publish is given each list, and report receives
// everything that went well or wrong.
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
	stays := "; the last good list stays"
	if l.held == nil {
		stays = "; there is no list yet"
	}
	r := resultOf(err)
	return fmt.Errorf("zone %s: url %s: %s: %w; %s%s", l.config.Zone, shown(l.url), r, err, advice[r], stays)
}

// load takes up what was kept by an earlier process.
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

// tellCopy reports what became of the copy on disk.
func (l *List) tellCopy(err error) {
	result := CopyWritten
	failed, recovered := l.disk.Tried(err)
	if err != nil {
		result = CopyFailed
	}
	if failed != nil {
		failed = fmt.Errorf("zone %s: the last good copy is not kept, and a restart would have to wait for the list: %w", l.config.Zone, failed)
	}
	l.tell(Event{Result: result, Err: failed, Recovered: recovered})
}
