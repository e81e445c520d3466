// Package resolve maintains the addresses of load balancers that have only a name. It
// queries them in the background, as often as the TTLs require; queries from clients
// never wait for it. It keeps the last known addresses while the name cannot be resolved.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/nearcast/nearcast/internal/federation"
)

// Lookup resolves the addresses of a canonical name, and how long they are valid. If only
// one address family could be resolved, it returns that with an error.
type Lookup func(ctx context.Context, name string) (federation.Endpoint, time.Duration, error)

// The bounds of the interval between look-ups of a name, and the delay after a failure.
const (
	least   = 5 * time.Second
	most    = 5 * time.Minute
	retry   = 10 * time.Second
	timeout = 5 * time.Second
)

// Resolver follows a set of names. It is safe for concurrent use.
type Resolver struct {
	lookup  Lookup
	onError func(error)
	changed chan struct{}
	wake    chan struct{}

	mu    sync.Mutex
	names map[string]*entry
	// known holds what a predecessor last saw, until names are declared.
	known map[string]federation.Endpoint
	// since is when names were first declared.
	since time.Time
	under under
}

type entry struct {
	// namespaces are the namespaces of the functions that need the name.
	namespaces []string
	due        time.Time
	asking     bool
	asked      bool
	silent     bool // at the last look-up
	endpoint   federation.Endpoint
}

// New returns a Resolver that uses lookup, usually [System].
func New(lookup Lookup, onError func(error)) *Resolver {
	return &Resolver{
		lookup: lookup, onError: onError, names: map[string]*entry{}, under: newUnder(),
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
}

// Know provides the addresses that a predecessor or a snapshot last saw. The names
// declared next use them until they are resolved.
func (r *Resolver) Know(found map[string]federation.Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = found
}

// Found returns the addresses last seen for every name that has some.
func (r *Resolver) Found() map[string]federation.Endpoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]federation.Endpoint, len(r.names))
	for name, e := range r.names {
		if !e.endpoint.IsZero() {
			all[name] = e.endpoint
		}
	}
	return all
}

// Settled reports whether every name has been looked up once, or there was time for it:
// an unavailable resolver must not keep a server from becoming ready.
func (r *Resolver) Settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.since) > timeout {
		return true
	}
	for _, e := range r.names {
		if !e.asked {
			return false
		}
	}
	return true
}

// Changed delivers a value after addresses have changed.
func (r *Resolver) Changed() <-chan struct{} { return r.changed }

// Set declares all names, sorted. A name that remains keeps its addresses. It walks all
// names, and allocates only for new ones.
func (r *Resolver) Set(lookups []federation.Lookup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.names {
		if _, stays := slices.BinarySearchFunc(lookups, name, federation.Lookup.Compare); !stays {
			delete(r.names, name)
		}
	}
	for _, l := range lookups {
		if r.names[l.Name] == nil {
			r.names[l.Name] = &entry{endpoint: r.known[l.Name]}
			signal(r.wake)
		}
		r.names[l.Name].namespaces = l.Namespaces
	}
	if r.since.IsZero() {
		r.since = time.Now()
	}
	r.known = nil
}

// Get returns the addresses last seen for the name; false if there are none.
func (r *Resolver) Get(name string) (federation.Endpoint, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	endpoint := r.known[name]
	if e := r.names[name]; e != nil {
		endpoint = e.endpoint
	}
	return endpoint, !endpoint.IsZero()
}

// Run looks names up until ctx ends.
func (r *Resolver) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		begin, wait := r.due(time.Now())
		for _, b := range begin {
			asking.Go(func() { r.ask(ctx, b) })
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
		}
	}
}

// ask does one look-up and makes room for another.
func (r *Resolver) ask(ctx context.Context, b begun) {
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, ttl, err := r.lookup(asking, b.name)
	silent := asking.Err() != nil
	if err == nil && found.IsZero() {
		err = errors.New("has no address")
	}
	if err != nil && ctx.Err() == nil {
		r.onError(fmt.Errorf("load balancer %s: %w", b.name, err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.under.end(b.silent, b.namespace)
	signal(r.wake)
	e := r.names[b.name]
	if e == nil {
		return
	}
	e.asked, e.asking, e.silent = true, false, silent
	if e.due = time.Now().Add(min(max(ttl, least), most)); err != nil {
		e.due = time.Now().Add(retry)
		found = orElse(found, e.endpoint)
	}
	slices.SortFunc(found.V4, netip.Addr.Compare) // servers rotate the addresses
	slices.SortFunc(found.V6, netip.Addr.Compare)
	found = found.Bounded() // always the same ones
	if !reflect.DeepEqual(e.endpoint, found) {
		e.endpoint = found
		signal(r.changed)
	}
}

// orElse returns found with its missing families taken from before.
func orElse(found, before federation.Endpoint) federation.Endpoint {
	if len(found.V4) == 0 {
		found.V4 = slices.Clone(before.V4)
	}
	if len(found.V6) == 0 {
		found.V6 = slices.Clone(before.V6)
	}
	return found
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// System queries the servers listed in the file, which has the format of
// /etc/resolv.conf. It reads the file each time.
func System(file string) Lookup {
	return func(ctx context.Context, name string) (federation.Endpoint, time.Duration, error) {
		config, err := dns.ClientConfigFromFile(file)
		if err != nil {
			return federation.Endpoint{}, 0, err
		}
		err = errors.New("no name server in " + file)
		var part federation.Endpoint
		for _, server := range config.Servers {
			var found federation.Endpoint
			var ttl time.Duration
			if found, ttl, err = askBoth(ctx, dns.Fqdn(name), net.JoinHostPort(server, config.Port)); err == nil {
				return found, ttl, nil
			}
			part = orElse(part, found)
		}
		return part, 0, err
	}
}

// askBoth queries the server for both families. If one of them fails, it returns the
// other with the error.
func askBoth(ctx context.Context, name, server string) (federation.Endpoint, time.Duration, error) {
	var found federation.Endpoint
	ttl := most
	var failed error
	for _, qtype := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		reply, err := exchange(ctx, new(dns.Msg).SetQuestion(name, qtype), server)
		if err != nil {
			failed = err
			continue
		}
		for _, rr := range reply.Answer {
			ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
			switch rr := rr.(type) {
			case *dns.A:
				found = add(found, rr.A)
			case *dns.AAAA:
				found = add(found, rr.AAAA)
			}
		}
	}
	return found, ttl, failed
}

func add(e federation.Endpoint, raw []byte) federation.Endpoint {
	if a, ok := netip.AddrFromSlice(raw); ok {
		return e.Add(a)
	}
	return e
}

func exchange(ctx context.Context, m *dns.Msg, server string) (*dns.Msg, error) {
	reply, _, err := new(dns.Client).ExchangeContext(ctx, m, server)
	if err == nil && reply.Truncated {
		reply, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, m, server)
	}
	switch {
	case err != nil:
		return nil, err
	case reply.Rcode != dns.RcodeSuccess:
		return nil, errors.New(dns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}
