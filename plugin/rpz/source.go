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

// origin says where a zone comes from. Equal origins share a source.
type origin struct {
	zone string
	file string
	// primaries are separated by spaces; "" for a file or a url.
	primaries string
	remote
	key, algorithm, secret string
	state                  string
	limit                  int // of records; 0 for the default
}

// secure takes the key's secret from the plugin tsig.
func (o *origin) secure(secrets map[string]string) error {
	if o.key == "" {
		return nil
	}
	secret, ok := secrets[o.key]
	if !ok {
		return fmt.Errorf("zone %s: primary: the tsig plugin of this server block has no key %s", o.zone, o.key)
	}
	o.secret = secret
	return nil
}

// copy returns the file for the last good copy. If the zone is transferred from elsewhere, it is another file,
// because for a while both may be written at once.
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

// mostOfName is how much of a zone's name is in the name of its copy, in octets: a file name has at most 255, and
// the temporary file has a longer one.
const mostOfName = 200

// source keeps one zone up to date, for all handlers that use it.
type source struct {
	origin origin
	zone   atomic.Pointer[policyzone.Zone]
	// since is when the generation was put into use, in Unix nanoseconds.
	since atomic.Int64
	// loaded is set with the first generation, and stays set.
	loaded atomic.Bool
	// Exactly one of these three is set. It keeps the zone up to date.
	secondary *secondary.Secondary
	list      *download.List
	file      *file

	stop    context.CancelFunc
	running sync.WaitGroup
	ended   chan struct{} // closed when all goroutines have ended

	mu    sync.Mutex
	users map[*RPZ]bool
	// named are the owners whose faults were logged.
	named map[string]bool
}

// generation returns the zone's generation, which may be nil, and whether there ever was one.
func (s *source) generation() (*policyzone.Zone, bool) { return s.zone.Load(), s.loaded.Load() }

// startSource begins to follow an origin. It uses the zone of a predecessor with another origin until there is
// something newer. If a configuration is already running, a file that cannot be used is an error.
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
			select { // only one at a time may write the copy
			case <-before.ended:
			case <-ctx.Done():
			}
		}
		run(ctx)
	})
	return s, nil
}

// runner returns the function that follows the origin.
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

// failures logs failed requests to primaries. A forged NOTIFY can also cause a request, as often as once a
// second.
var failures = seldom.New(log.Warningf)

// report logs why a transfer failed.
func (s *source) report(e secondary.Event) {
	switch {
	case e.Recovered:
		log.Infof("zone %s: the last good copy is saved again", e.Zone)
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

// rebuild makes all handlers that use the zone rebuild their sets.
func (s *source) rebuild() {
	s.mu.Lock()
	users := slices.Collect(maps.Keys(s.users))
	s.mu.Unlock()
	for _, h := range users {
		h.rebuild()
	}
}

// mostNamed bounds the log lines about one generation.
const mostNamed = 50

// nameFaults logs each rule that is unusable or doubtful, once.
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
