// Package lifetime ties what a plugin runs to the configuration that started it.
//
// CoreDNS tells a configuration when it starts and when it ends, but not when its start fails: if another plugin
// fails, nobody calls its OnShutdown, and what it runs would run forever. CoreDNS tells the configuration that was
// to be replaced instead, and that one cleans up.
package lifetime

import (
	"sync"

	"github.com/coredns/caddy"
)

// Instance is what all blocks of a plugin in one configuration share.
type Instance interface {
	comparable
	// Stop ends what the instance runs. It may be called more than once.
	Stop()
}

// Instances are those of one plugin. Its methods are safe for concurrent use.
type Instances[I Instance] struct {
	mu      sync.Mutex
	started map[I]bool
}

// key is the storage key of a plugin's instance in a configuration.
type key[I Instance] struct{}

// Of returns the configuration's instance, which the first block makes. It ends
// with the configuration.
func (s *Instances[I]) Of(c *caddy.Controller, create func() I) I {
	if i, ok := c.Get(key[I]{}).(I); ok {
		return i
	}
	i := create()
	c.Set(key[I]{}, i)
	c.OnShutdown(func() error { s.Stop(i); return nil })
	c.OnRestartFailed(func() error { s.Sweep(); return nil })
	return i
}

// In returns the instance of a configuration; false if it has none.
func (s *Instances[I]) In(c *caddy.Instance) (i I, ok bool) {
	c.StorageMu.RLock()
	defer c.StorageMu.RUnlock()
	i, ok = c.Storage[key[I]{}].(I)
	return i, ok
}

// Start notes that the instance runs something from now on.
func (s *Instances[I]) Start(i I) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started == nil {
		s.started = map[I]bool{}
	}
	s.started[i] = true
}

// Stop ends what the instance runs.
func (s *Instances[I]) Stop(i I) {
	s.mu.Lock()
	delete(s.started, i)
	s.mu.Unlock()
	i.Stop()
}

// Sweep stops the instances whose configuration is not running, and returns the others. Call it also before a
// configuration starts anything.
func (s *Instances[I]) Sweep() (alive []I) {
	lives := map[I]bool{}
	for _, c := range caddy.Instances() {
		if i, ok := s.In(c); ok {
			lives[i] = true
			alive = append(alive, i)
		}
	}
	s.mu.Lock()
	var dead []I
	for i := range s.started {
		if !lives[i] {
			dead = append(dead, i)
		}
	}
	s.mu.Unlock()
	for _, i := range dead {
		s.Stop(i)
	}
	return alive
}
