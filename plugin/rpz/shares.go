package rpz

import (
	"context"
	"net/netip"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Look-ups wait for servers that an attacker may have chosen, so a client with many waiting look-ups gets no more.
// One prefix can use up only its share, and the names of one domain only a part of that.
const (
	// lookupsAtOnce bounds the look-ups in progress: each takes a socket.
	lookupsAtOnce = 1024
	// clientAtOnce bounds those of one client prefix,
	clientAtOnce = 64
	// domainAtOnce those of one client prefix below one registrable domain.
	domainAtOnce = 16
	// clientWaiting bounds how many of one client prefix are in progress or waiting, and allWaiting how many are in
	// all: each is a goroutine.
	clientWaiting = 512
	allWaiting    = 16_384
)

// Clients are distinguished as in BIND's rate limiting: by the prefix that one of them may well have to itself.
const (
	prefixLength4 = 24
	prefixLength6 = 56
)

func prefixOf(client netip.Addr) netip.Prefix {
	bits := prefixLength6
	if client.Is4() {
		bits = prefixLength4
	}
	p, _ := client.Prefix(bits) // the zero Prefix for a client without an address
	return p
}

// shares divides the concurrent look-ups among clients.
type shares struct {
	all *semaphore.Weighted

	mu      sync.Mutex
	waiting int
	of      map[share]*slots // those in use
}

// share is a client prefix, with one domain or for all.
type share struct {
	prefix netip.Prefix
	domain string // "" for all
}

type slots struct {
	*semaphore.Weighted
	users int
}

func newShares() *shares {
	return &shares{all: semaphore.NewWeighted(lookupsAtOnce), of: map[share]*slots{}}
}

// acquire waits for a slot, and returns a function that gives it back, or why there is none.
func (s *shares) acquire(ctx context.Context, prefix netip.Prefix, domain string) (release func(), why lack) {
	client, own := share{prefix: prefix}, share{prefix, domain}
	if why := s.enter(client, own); why != "" {
		return nil, why
	}
	queue := []*semaphore.Weighted{s.slots(own), s.slots(client), s.all}
	for i, slots := range queue {
		if slots.Acquire(ctx, 1) == nil {
			continue
		}
		s.leave(client, own, queue[:i])
		if slots == s.all {
			return nil, overServer
		}
		return nil, overClient
	}
	return func() { s.leave(client, own, queue) }, ""
}

// enter counts a waiting look-up.
func (s *shares) enter(client, own share) lack {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.of[client]; c != nil && c.users == clientWaiting {
		return overClient
	}
	if s.waiting == allWaiting {
		return overServer
	}
	s.waiting++
	s.use(client, clientAtOnce)
	s.use(own, domainAtOnce)
	return ""
}

func (s *shares) use(key share, size int64) {
	if s.of[key] == nil {
		s.of[key] = &slots{Weighted: semaphore.NewWeighted(size)}
	}
	s.of[key].users++
}

func (s *shares) slots(key share) *semaphore.Weighted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[key].Weighted
}

// leave gives back a slot, and forgets unused shares.
func (s *shares) leave(client, own share, acquired []*semaphore.Weighted) {
	for _, slots := range acquired {
		slots.Release(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	for _, key := range []share{client, own} {
		if s.of[key].users--; s.of[key].users == 0 {
			delete(s.of, key)
		}
	}
}
