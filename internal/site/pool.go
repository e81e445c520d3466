package site

import (
	"os"
	"reflect"
	"sync"

	"github.com/nearcast/nearcast/internal/source/snapshot"
)

// pool holds the running Sites by source: the newest one, and earlier ones until they are
// released. Unlike the pools of feeds, policy zones and listeners, it starts a second Site
// beside the first if the configuration differs, and the second inherits from the first.
var pool = struct {
	sync.Mutex
	newest map[string]*Site
	uses   map[*Site]int
}{newest: map[string]*Site{}, uses: map[*Site]int{}}

// Acquire returns a running Site for the configuration: the one that already runs, or a
// new one that inherits from the last Site of the same source. Every Acquire needs one
// Release.
func Acquire(config Config, log Logger) (*Site, error) {
	pool.Lock()
	defer pool.Unlock()
	key := config.Source.Key()
	before := pool.newest[key]
	if before != nil && reflect.DeepEqual(before.config, config) {
		pool.uses[before]++
		return before, nil
	}
	s, err := start(config, log, before)
	if err != nil {
		return nil, err
	}
	pool.newest[key] = s
	pool.uses[s] = 1
	return s, nil
}

// Release gives up one Acquire; the last one stops the Site and waits for it.
func Release(s *Site) {
	pool.Lock()
	pool.uses[s]--
	last := pool.uses[s] == 0
	if last {
		delete(pool.uses, s)
		if key := s.config.Source.Key(); pool.newest[key] == s {
			delete(pool.newest, key)
			if heir := runningOf(key); heir != nil {
				pool.newest[key] = heir
			}
		}
	}
	pool.Unlock()
	if last {
		s.close()
	}
}

// runningOf returns a Site of the source that still runs, or nil: the Site that a failed
// configuration was to replace. The pool must be locked.
func runningOf(key string) *Site {
	for s := range pool.uses {
		if s.config.Source.Key() == key {
			return s
		}
	}
	return nil
}

// running returns the newest Site of every source.
func running() []*Site {
	pool.Lock()
	defer pool.Unlock()
	all := make([]*Site, 0, len(pool.newest))
	for _, s := range pool.newest {
		all = append(all, s)
	}
	return all
}

// Knows reports whether a Site of the configuration would start with a known state: from a
// running Site or from a snapshot.
func Knows(config Config) bool {
	key := config.Source.Key()
	pool.Lock()
	before := pool.newest[key]
	pool.Unlock()
	if before != nil && before.View() != nil {
		return true
	}
	if config.Snapshot == "" {
		return false
	}
	_, err := os.Stat(snapshot.Path(config.Snapshot, key))
	return err == nil
}
