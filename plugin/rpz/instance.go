package rpz

import (
	"fmt"
	"sync"

	"github.com/coredns/caddy"
)

// pool holds the sources that run.
var pool = struct {
	sync.Mutex
	uses map[*source]int
}{uses: map[*source]int{}}

// acquire returns a running source of the origin. Every acquire needs a release.
func acquire(o origin) (*source, error) {
	pool.Lock()
	defer pool.Unlock()
	var before *source
	for s := range pool.uses {
		if s.origin == o {
			pool.uses[s]++
			return s, nil
		}
		if s.origin.zone == o.zone && s.loaded.Load() {
			before = s
		}
	}
	s, err := startSource(o, before)
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
	}
}

// instance is what all rpz blocks of one configuration share. It acquires the
// sources when the configuration starts and releases them when it ends.
type instance struct {
	handlers []*RPZ
	held     []held
}

// held is a source that a handler uses.
type held struct {
	*source
	by *RPZ
}

type instanceKey struct{}

// instanceOf returns the configuration's instance, which the first block makes.
func instanceOf(c *caddy.Controller) *instance {
	if i, ok := c.Get(instanceKey{}).(*instance); ok {
		return i
	}
	i := &instance{}
	c.Set(instanceKey{}, i)
	c.OnShutdown(func() error { i.stop(); return nil })
	// A configuration that fails to start is told nothing: the one that it was
	// to replace has to clean up.
	c.OnRestartFailed(func() error { sweep(); return nil })
	return i
}

func (i *instance) add(h *RPZ) { i.handlers = append(i.handlers, h) }

// startInstance has the handler that was added last begin with the configuration.
func startInstance(c *caddy.Controller) {
	i := instanceOf(c)
	h := i.handlers[len(i.handlers)-1]
	c.OnStartup(func() error {
		sweep()
		if err := i.start(h); err != nil {
			i.stop()
			return fmt.Errorf("plugin/rpz: %w", err)
		}
		return nil
	})
}

// running are the instances that hold sources.
var running = struct {
	sync.Mutex
	instances map[*instance]bool
}{instances: map[*instance]bool{}}

func (i *instance) start(h *RPZ) error {
	running.Lock()
	running.instances[i] = true
	running.Unlock()
	for _, z := range h.zones {
		s, err := acquire(z.origin)
		if err != nil {
			return err
		}
		z.source = s
		i.held = append(i.held, held{s, h})
	}
	for _, z := range h.zones {
		z.source.add(h) // from here on it is rebuilt, and all of its zones have a source
	}
	h.rebuild()
	return nil
}

func (i *instance) stop() {
	running.Lock()
	delete(running.instances, i)
	running.Unlock()
	for _, s := range i.held {
		s.remove(s.by)
		release(s.source)
	}
	i.held = nil
}

// sweep stops the instances whose configuration is not running: those of a
// reload that failed after they had started.
func sweep() {
	alive := map[*instance]bool{}
	for _, c := range caddy.Instances() {
		c.StorageMu.RLock()
		if i, ok := c.Storage[instanceKey{}].(*instance); ok {
			alive[i] = true
		}
		c.StorageMu.RUnlock()
	}
	running.Lock()
	var dead []*instance
	for i := range running.instances {
		if !alive[i] {
			dead = append(dead, i)
		}
	}
	running.Unlock()
	for _, i := range dead {
		i.stop()
	}
}
