package interop

import (
	"errors"
	"fmt"
	"time"
)

// router is FRR or BIRD in a node.
type router interface {
	// start returns when the router answers, and stop when it has exited.
	start()
	stop()
	// configure changes the configuration of the running router.
	configure(text string)
	// ask returns what the router prints for a command.
	ask(command string) (string, error)
	session(neighbour string) (routerSession, error)
	// best returns the path that the router prefers, or errNoPath; paths returns all.
	best(prefix string) (path, error)
	paths(prefix string) ([]path, error)
}

var errNoPath = errors.New("no path")

// routerSession is a BGP session as the router sees it.
type routerSession struct {
	established bool
	bfd         bool          // and is up
	since       time.Time     // of the present state
	hold        time.Duration // as negotiated
}

// same reports whether it is still the same session: FRR's time may be a second off at
// times, and no session is back that soon.
func (s routerSession) same(o routerSession) bool {
	return s.established && o.established && s.since.Sub(o.since).Abs() <= time.Second
}

// path is a router's path of one route. Communities are written as
// numbers: 65535:0.
type path struct {
	best             bool
	nextHop, asPath  string
	med, localPref   int
	communities      []string
	largeCommunities []string
	// extended are the extended communities as the router prints them.
	extended string
}

// bestOf returns the one among all paths that is preferred.
func bestOf(all []path, err error) (path, error) {
	if err != nil {
		return path{}, err
	}
	for _, p := range all {
		if p.best {
			return p, nil
		}
	}
	return path{}, errNoPath
}

// neighbour is a speaker that a router has as a neighbor.
type neighbour struct {
	// address is where it is, or "" for whoever is on the link.
	address string
	link    string
	// asn makes the session iBGP if it is the router's own.
	asn int
	bfd bool
	// key is that of TCP MD5.
	key  string
	gtsm bool
	// hops is the TTL towards a neighbor that is not on the link.
	hops int
	// families are the address families; if absent, that of the address.
	families []string
	// extended accepts IPv6 next hops for IPv4 routes (RFC 8950).
	extended bool
}

// brand is a brand of router.
type brand struct {
	name string
	// config makes AS 64500 with plain eBGP sessions; routes that are equally good
	// share the load.
	config func(neighbours ...neighbour) string
	start  func(n *node, config string) router
}

var brands = []brand{
	{"FRR", frrConfig, func(n *node, config string) router { return startFRR(n, config) }},
	{"BIRD", birdConfig, func(n *node, config string) router { return startBIRD(n, config) }},
}

// established fails the test unless the router has a session soon.
func established(n *node, r router, neighbour string) routerSession {
	n.t.Helper()
	var s routerSession
	eventually(n.t, n.name+" has a session with "+neighbour, 3*slack, func() (err error) {
		if s, err = r.session(neighbour); err == nil && !s.established {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	return s
}
