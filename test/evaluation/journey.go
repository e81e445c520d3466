package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/lab"
)

// Mode is how a moving user's device finds the function.
type Mode struct {
	Name string
	// resolver is whom it asks, at home in one country and now in another.
	resolver func(w *World, home, here Country) (string, error)
	// forget drops what was resolved when the network changes.
	forget bool
	// vip is the function's shared address, which needs no resolver; invalid for none.
	vip netip.Addr
}

// modes are the paper's: a resolver that the network gives, one shared address of
// all resolvers, and one of the function.
var modes = []Mode{
	{Name: "regional resolver, cache kept", resolver: regional},
	{Name: "regional resolver, cache dropped", resolver: regional, forget: true},
	{Name: "resolver of home, cache dropped", resolver: atHome, forget: true},
	{Name: "anycast resolver, cache kept", resolver: anycast},
	{Name: "anycast resolver, cache dropped", resolver: anycast, forget: true},
	{Name: "function VIP", vip: lab.FunctionVIP},
}

func regional(_ *World, _, here Country) (string, error) { return here.Resolver, nil }

func atHome(_ *World, home, _ Country) (string, error) { return home.Resolver, nil }

func anycast(w *World, _, here Country) (string, error) { return w.routed(here, lab.DNSVIP) }

// routed returns the site that packets from a country to a shared address reach: of
// those that the lab's router has a route to, the nearest. The lab has no network
// that would carry them; this is what a network does whose metric is the delay.
func (w *World) routed(from Country, vip netip.Addr) (string, error) {
	for _, route := range w.lab.Routes() {
		if route.Prefix == netip.PrefixFrom(vip, vip.BitLen()).String() && len(route.From) > 0 {
			return slices.MinFunc(route.From, func(a, b string) int {
				return int(roundTrip(from.Code, countryOf(a)) - roundTrip(from.Code, countryOf(b)))
			}), nil
		}
	}
	return "", fmt.Errorf("no site announces %s", vip)
}

// hello is what the moving user calls: the function that has a shared address.
var hello = Function{Name: "hello", Method: "GET", URI: "/", Status: 200}

// Itinerary is where a user is, for how long in each country, and how often it calls.
type Itinerary struct {
	Stops []Country
	Stay  time.Duration
	Every time.Duration
	// Users leave one after the other, Shift apart, so that they move at different ages
	// of what they resolved.
	Users int
	Shift time.Duration
}

// itinerary is from Skopje by way of Frankfurt to Virginia.
var itinerary = Itinerary{Stops: Countries, Stay: 10 * time.Second, Every: 500 * time.Millisecond, Users: 4, Shift: 1250 * time.Millisecond}

// arrival is when a user comes to the nth stop.
func (i Itinerary) arrival(user, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return time.Duration(n)*i.Stay + time.Duration(user+2)*i.Shift
}

// stop is where a user is; false once the journey is over.
func (i Itinerary) stop(user int, at time.Duration) (Country, bool) {
	for n := range i.Stops {
		if at < i.arrival(user, n+1) {
			return i.Stops[n], true
		}
	}
	return Country{}, false
}

// Call is one call of a moving user.
type Call struct {
	// At is when it began, from the user's start.
	At               time.Duration
	Country, Cluster string
	Resolved         bool
	// Took is from the lookup, if there was one, to the end of the reply.
	Took time.Duration
	Err  error
}

// Nearest reports whether a cluster of the country answered.
func (c Call) Nearest() bool { return c.Err == nil && countryOf(c.Cluster) == c.Country }

// Journey is a user's calls.
type Journey struct {
	Mode  string
	User  int
	TTL   time.Duration
	Calls []Call
}

// travel has users of every mode on their way at once.
func (w *World) travel(ctx context.Context, i Itinerary) ([]Journey, error) {
	for _, c := range i.Stops {
		if err := w.await(ctx, c, lab.Hostname(hello.Name), answer{1, c.Resolver}, time.Now().Add(namesWait)); err != nil {
			return nil, err
		}
	}
	if err := w.announced(ctx); err != nil {
		return nil, err
	}
	journeys := make([]Journey, len(modes)*i.Users)
	var users sync.WaitGroup
	for n := range journeys {
		users.Go(func() {
			u := &user{world: w, mode: modes[n/i.Users], number: n % i.Users, home: i.Stops[0]}
			delay(ctx, time.Duration(n)*i.Every/time.Duration(len(journeys))) // not all in the same instant
			journeys[n] = u.travel(ctx, i)
		})
	}
	users.Wait()
	return journeys, ctx.Err()
}

// announced waits until every shared address is announced by all that serve it.
func (w *World) announced(ctx context.Context) error {
	for deadline := time.Now().Add(namesWait); ; delay(ctx, 50*time.Millisecond) {
		routes := w.lab.Routes()
		if len(routes) == 2 && len(routes[0].From) == len(lab.Sites) && len(routes[1].From) == len(functionSites()) {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("the router's table is incomplete: %v", routes)
		}
	}
}

func delay(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// user is a device on its way.
type user struct {
	world      *World
	mode       Mode
	number     int
	home, here Country
	cached     []lab.Site
	expires    time.Time
	ttl        time.Duration
}

// travel makes the journey.
func (u *user) travel(ctx context.Context, i Itinerary) Journey {
	j := Journey{Mode: u.mode.Name, User: u.number}
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		at := time.Duration(n) * i.Every
		here, on := i.stop(u.number, at)
		if !on {
			break
		}
		delay(ctx, time.Until(start.Add(at)))
		u.arrive(here)
		c := u.call(ctx)
		c.At = at
		j.Calls = append(j.Calls, c)
	}
	j.TTL = u.ttl
	return j
}

// arrive is where the device is, perhaps in a new network.
func (u *user) arrive(c Country) {
	if u.here.Code != c.Code && u.mode.forget {
		u.expires = time.Time{}
	}
	u.here = c
}

// call finds the function and calls it, over a connection of its own: one that was
// kept would not outlive the move to another address.
func (u *user) call(ctx context.Context) Call {
	c := Call{Country: u.here.Code}
	begin := time.Now()
	site, resolved, err := u.find(ctx)
	if err == nil {
		c.Cluster, c.Resolved = site.Name, resolved
		_, err = u.world.call(ctx, u.here, site, lab.Hostname(hello.Name), hello)
	}
	c.Took, c.Err = time.Since(begin), err
	return c
}

func (u *user) find(ctx context.Context) (site lab.Site, resolved bool, err error) {
	if u.mode.vip.IsValid() {
		name, err := u.world.routed(u.here, u.mode.vip)
		if err != nil {
			return site, false, err
		}
		return siteNamed(name), false, nil
	}
	if time.Now().Before(u.expires) {
		return u.cached[0], false, nil
	}
	resolver, err := u.mode.resolver(u.world, u.home, u.here)
	if err != nil {
		return site, false, err
	}
	sites, ttl, err := u.world.resolve(ctx, u.here, resolver, lab.Hostname(hello.Name))
	if err != nil {
		return site, false, err
	}
	u.cached, u.expires, u.ttl = sites, time.Now().Add(ttl), max(u.ttl, ttl)
	return sites[0], true, nil
}
