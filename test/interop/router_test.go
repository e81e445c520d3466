package interop

import (
	"errors"
	"fmt"
	"time"
)

// router is FRR or BIRD in a node.
type router interface {
	// start returns when the router can be asked, and stop when it has ended.
	start()
	stop()
	// configure changes the configuration of the running router.
	configure(text string)
	// ask returns what the router prints for a command.
	ask(command string) (string, error)
	session(neighbour string) (session, error)
	// best returns the path that the router prefers, or errNoPath.
	best(prefix string) (path, error)
}

var errNoPath = errors.New("no path")

// session is a BGP session as the router sees it.
type session struct {
	established bool
	bfd         bool          // and is up
	since       time.Time     // of the present state
	hold        time.Duration // as negotiated
}

// same reports whether it is still one session: FRR's time is a second off at
// times, and no session is back that soon.
func (s session) same(o session) bool {
	return s.established && o.established && s.since.Sub(o.since).Abs() <= time.Second
}

// path is what the router knows of one route. Communities are written with
// numbers: 65535:0.
type path struct {
	nextHop, asPath  string
	med, localPref   int
	communities      []string
	largeCommunities []string
}

// neighbour is a speaker that a router is configured for.
type neighbour struct {
	address string
	asn     int
	bfd     bool
}

// brand is a make of router.
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
func established(n *node, r router, neighbour string) session {
	n.t.Helper()
	var s session
	eventually(n.t, n.name+" has a session with "+neighbour, 3*slack, func() (err error) {
		if s, err = r.session(neighbour); err == nil && !s.established {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	return s
}
