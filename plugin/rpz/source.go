package rpz

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/seldom"
	"github.com/nearcast/nearcast/plugin/rpz/internal/download"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
	"github.com/nearcast/nearcast/plugin/rpz/internal/secondary"
)

// origin says where a zone comes from. Equal ones share a source.
type origin struct {
	zone string
	file string
	// primaries are separated by spaces; "" for a file and a url.
	primaries string
	remote
	key, algorithm, secret string
	state                  string
	limit                  int // of records; 0 for the default
}

// secure takes the key's secret from those of the plugin tsig.
func (o *origin) secure(secrets map[string]string) error {
	if o.key == "" {
		return nil
	}
	secret, ok := secrets[o.key]
	if !ok {
		return fmt.Errorf("zone %s: primary: the plugin tsig of this server block has no key %s", o.zone, o.key)
	}
	o.secret = secret
	return nil
}

// copy is the file for the last good copy. Where the zone is transferred from
// elsewhere it is another file: for a while the two may be written at once.
func (o *origin) copy() string {
	if o.state == "" {
		return ""
	}
	from, kind := o.primaries+" "+o.key, "rpz"
	switch {
	case o.file != "":
		from = o.file
	case o.url != "":
		from, kind = o.url, "list"
	}
	h := fnv.New32a()
	h.Write([]byte(from))
	name := url.PathEscape(strings.TrimSuffix(o.zone, "."))
	if len(name) > mostOfName {
		h.Write([]byte(name))
		name = name[:mostOfName]
	}
	return filepath.Join(o.state, fmt.Sprintf("%s-%08x.%s", name, h.Sum32(), kind))
}

// mostOfName is how much of a zone's name is in that of its copy, in octets: a file's has
// 255, and what is written beside it has a longer one.
const mostOfName = 200

// source keeps one zone up to date, for all handlers that use it.
type source struct {
	origin origin
	zone   atomic.Pointer[policyzone.Zone]
	// since is when that was put into use, in Unix nanoseconds.
	since atomic.Int64
	// loaded is set with the first generation, and stays.
	loaded atomic.Bool
	// One of these three is set: what keeps the zone up to date.
	secondary *secondary.Secondary
	list      *download.List
	file      *file

	stop    context.CancelFunc
	running sync.WaitGroup
	ended   chan struct{} // closed when nothing runs any more

	mu    sync.Mutex
	users map[*RPZ]bool
	// named are the owners whose faults were logged.
	named map[string]bool
}

// generation returns the zone's, which may be nil, and whether there was ever one.
func (s *source) generation() (*policyzone.Zone, bool) { return s.zone.Load(), s.loaded.Load() }

// startSource begins to follow an origin. What a predecessor from elsewhere has
// is used until there is something newer. Where a configuration already runs, a file
// that cannot be used is an error.
func startSource(o origin, before *source, runs bool) (*source, error) {
	s := &source{origin: o, users: map[*RPZ]bool{}, named: map[string]bool{}, ended: make(chan struct{})}
	if before != nil {
		s.zone.Store(before.zone.Load())
		s.since.Store(before.since.Load())
		s.loaded.Store(before.loaded.Load())
	}
	run, err := s.runner(runs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.running.Go(func() {
		if before != nil && before.origin.copy() == o.copy() && o.copy() != "" {
			select { // one at a time writes the copy
			case <-before.ended:
			case <-ctx.Done():
			}
		}
		run(ctx)
	})
	return s, nil
}

// runner returns what follows the origin.
func (s *source) runner(runs bool) (func(context.Context), error) {
	if s.origin.file != "" {
		s.file = newFile(s)
		if err := s.file.begin(runs); err != nil {
			return nil, err
		}
		return s.file.watch, nil
	}
	if s.origin.url != "" {
		return s.downloader()
	}
	config := secondary.Config{Zone: s.origin.zone, Sources: s.origin.sources, File: s.origin.copy(), MaxRecords: s.origin.limit}
	if s.origin.encrypted {
		config.Trust = &s.origin.trust
	}
	for _, primary := range strings.Fields(s.origin.primaries) {
		config.Primaries = append(config.Primaries, netip.MustParseAddrPort(primary)) // parsePrimary wrote it
	}
	if s.origin.key != "" {
		config.Key = &secondary.Key{Name: s.origin.key, Algorithm: s.origin.algorithm, Secret: s.origin.secret}
	}
	var err error
	s.secondary, err = secondary.New(config, s.publish, s.report)
	if err != nil {
		return nil, err
	}
	return s.secondary.Run, nil
}

// failures logs what came of asking a primary. A NOTIFY that only seems to be a
// primary's has it asked, too, as often as once a second.
var failures = seldom.New(log.Warningf)

// report logs what a transfer failed with.
func (s *source) report(e secondary.Event) {
	switch {
	case e.Recovered:
		log.Infof("zone %s: the last good copy is kept again", e.Zone)
	case e.Err == nil:
	case e.Primary.IsValid():
		failures.Printf(e.Primary.Addr(), e.Zone+" "+string(e.Result), "%v", e.Err)
	default:
		log.Warningf("%v", e.Err)
	}
}

// publish puts a generation into use; nil withdraws the rules.
func (s *source) publish(z *policyzone.Zone) {
	s.since.Store(time.Now().UnixNano())
	s.zone.Store(z)
	if z != nil {
		s.loaded.Store(true)
	}
	s.mu.Lock()
	s.nameFaults(z)
	s.mu.Unlock()
	measure(s.origin.zone, z)
	s.rebuild()
}

// rebuild has all handlers that use the zone make their sets anew.
func (s *source) rebuild() {
	s.mu.Lock()
	users := slices.Collect(maps.Keys(s.users))
	s.mu.Unlock()
	for _, h := range users {
		h.rebuild()
	}
}

// mostNamed bounds the lines about one generation.
const mostNamed = 50

// nameFaults logs each rule that cannot be used, or is in doubt, once.
func (s *source) nameFaults(z *policyzone.Zone) {
	if z == nil {
		return
	}
	named, more := map[string]bool{}, 0
	lines := 0
	for _, f := range append(z.Faults(), z.Doubts()...) {
		named[f.Owner] = true
		switch {
		case s.named[f.Owner]:
		case lines == mostNamed:
			more++
		default:
			lines++
			if f.Line > 0 {
				log.Warningf("zone %s: %v", z.Name(), f.In(s.origin.file))
			} else {
				log.Warningf("zone %s: %s", z.Name(), f)
			}
		}
	}
	if more > 0 {
		log.Warningf("zone %s: %d more rules have faults; nearcast check names those of a file", z.Name(), more)
	}
	s.named = named
}

func (s *source) add(h *RPZ) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[h] = true
}

func (s *source) remove(h *RPZ) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, h)
}

func (s *source) close() {
	s.stop()
	s.running.Wait()
	close(s.ended)
}
