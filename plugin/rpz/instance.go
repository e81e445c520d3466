package rpz

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/internal/lifetime"
)

// pool holds the running sources. Unlike the pools of sites, feeds and listeners, it lets a new source start with the
// zone that another source of the same name has loaded, unless the configuration holds both.
var pool = struct {
	sync.Mutex
	uses map[*source]int
}{uses: map[*source]int{}}

// acquire returns a running source of the origin. Every acquire needs a release. The sources that the configuration
// already holds do not count as predecessors: two blocks may have zones of the same name. See startSource for runs.
func acquire(o origin, runs bool, holds []held) (*source, error) {
	pool.Lock()
	defer pool.Unlock()
	var before *source
	for s := range pool.uses {
		if s.origin == o {
			pool.uses[s]++
			return s, nil
		}
		mine := slices.ContainsFunc(holds, func(h held) bool { return h.source == s })
		if !mine && s.origin.zone == o.zone && s.loaded.Load() {
			before = s
		}
	}
	s, err := startSource(o, before, runs)
	if err != nil {
		return nil, err
	}
	pool.uses[s] = 1
	return s, nil
}

// release gives up one acquire; the last one stops the source and waits for it.
func release(s *source) {
	pool.Lock()
	pool.uses[s]--
	last := pool.uses[s] == 0
	alone := last
	if last {
		delete(pool.uses, s)
	}
	for o := range pool.uses {
		alone = alone && o.origin.zone != s.origin.zone
	}
	pool.Unlock()
	if last {
		s.close()
	}
	if alone {
		forget(s.origin.zone)
		switchedOff.DeleteLabelValues(s.origin.zone)
	}
}

// instance is what all rpz blocks of one configuration share. It acquires the
// sources when the configuration starts and releases them when it ends.
type instance struct {
	mu       sync.Mutex
	held     []held          // guarded by mu, except in start and stop
	blocks   []blocks.Block  // the configuration's server blocks, in its order
	starting int             // blocks that have not started
	part     *admin.Part     // nil before all blocks have started
	sockets  []*admin.Server // those of the blocks with admin
}

// held is a source that a handler uses.
type held struct {
	*source
	by *RPZ
}

var instances lifetime.Instances[*instance]

// warnOfSecrets names secret files that other users can read, except in blocks that the plugin nearcast covers. It
// skips a Corefile that is not a file.
func warnOfSecrets(path string) {
	all, _ := blocks.Read(path) // its faults were reported
	for _, block := range blocks.UnlessOf(all, "rpz", "nearcast") {
		for _, warning := range blocks.Secrets(block) {
			log.Warningf("%v", warning)
		}
	}
}

// startWith makes the handler begin with the configuration.
func startWith(c *caddy.Controller, h *RPZ) {
	i := instances.Of(c, func() *instance {
		i := &instance{}
		c.OnStartup(func() error { warnOfSecrets(c.File()); return nil })
		c.OnStartup(func() error { return i.know(c) })
		return i
	})
	i.starting++
	c.OnStartup(func() error {
		instances.Sweep()
		instances.Start(i)
		if err := i.start(h); err != nil {
			instances.Stop(i)
			return fmt.Errorf("plugin/rpz: %w", err)
		}
		return nil
	})
}

func (i *instance) start(h *RPZ) error {
	if h.settings.state != "" {
		if err := folder.Make(h.settings.state); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	disabled.enter(i, h.settings.state)
	disabled.save(context.Background()) // a new directory gets what is disabled now
	runs := len(caddy.Instances()) > 1  // another configuration: this is a reload, and the old one still answers
	for _, z := range h.zones {
		if err := i.clash(z.origin); err != nil {
			return err
		}
		s, err := acquire(z.origin, runs, i.held)
		if err != nil {
			return err
		}
		z.source = s
		i.mu.Lock()
		i.held = append(i.held, held{s, h})
		i.mu.Unlock()
	}
	for _, z := range h.zones {
		z.source.add(h) // from here on it is rebuilt: all of its zones have a source
	}
	h.rebuild()
	return i.listen(h.settings.admin)
}

// clash finds a zone whose copy on disk two sources would write.
func (i *instance) clash(o origin) error {
	for _, s := range i.held {
		if s.origin != o && o.copy() != "" && s.origin.copy() == o.copy() {
			return fmt.Errorf("zone %s: another server block has the same primary or url with different settings (limit, refresh, checksum, tls, source, or the key's secret or algorithm): use the same settings in both", o.zone)
		}
	}
	return nil
}

// Stop implements lifetime.Instance.
func (i *instance) Stop() {
	i.deafen()
	i.mu.Lock()
	all := i.held
	i.held = nil
	i.mu.Unlock()
	for _, s := range all {
		s.remove(s.by)
		release(s.source)
	}
	disabled.leave(i)
}
