package gobgp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// provocation is something malformed that a peer sends.
type provocation struct {
	// name is "group/what"; it is unique.
	name  string
	stage stage
	send  []byte
	// want is what the RFCs allow, as patterns of outcomes.
	want []outcome
	// hangsUp: the peer closes at once.
	hangsUp bool
	// last: the session is useless, though it may be kept. Either the rest
	// of a message is awaited, or more answers come than the one that is read.
	last bool
}

func (c *provocation) wants(o outcome) bool {
	return slices.ContainsFunc(c.want, func(want outcome) bool {
		ok, err := path.Match(string(want), string(o))
		if err != nil {
			panic(err)
		}
		return ok
	})
}

// What the RFCs allow in several places.
var (
	// These are for what no RFC decides: the session may go on, or end with any
	// NOTIFICATION that names the kind of message.
	anyOpenEnd   = []outcome{kept, "reset 1/2", "reset 2/*"}
	anyUpdateEnd = []outcome{kept, "reset 3/*"}
)

// corpus is everything that is sent, in an order that mixes what ends a session
// with what does not.
func corpus() []provocation {
	all := slices.Concat(insteadOfOpen(), opensOfWrongFields(), opensOfWrongParameters(), opensOfWrongCapabilities(),
		insteadOfKeepalive(), otherMessages(), updates())
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // it never fails
	return b
}

// The messages that are right, but come at the wrong time.
var (
	keepalive    = message(gobgp.BGP_MSG_KEEPALIVE)
	cease        = message(gobgp.BGP_MSG_NOTIFICATION, []byte{gobgp.BGP_ERROR_CEASE, gobgp.BGP_ERROR_SUB_ADMINISTRATIVE_RESET})
	routeRefresh = refresh(gobgp.AFI_IP, 0, gobgp.SAFI_UNICAST)
	oneRoute     = update(nil, mandatory(0), foreign)
)

// unframed are bytes that no header check lets pass, whatever the state is.
func unframed(group string, at stage) []provocation {
	all := []provocation{
		{name: "zeroes", send: garbage, want: []outcome{"reset 1/1"}},
		{name: "noise", send: noise(1, 64), want: []outcome{"reset 1/1"}},
		{name: "text", send: []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), want: []outcome{"reset 1/1"}},
		{name: "one bit of the marker missing", send: join([]byte{0x7f}, keepalive[1:]), want: []outcome{"reset 1/1"}},
		{name: "length 0", send: header(gobgp.BGP_MSG_KEEPALIVE, 0), want: []outcome{"reset 1/2"}},
		{name: "length 18", send: header(gobgp.BGP_MSG_KEEPALIVE, 18), want: []outcome{"reset 1/2"}},
		{name: "length 4097", send: header(gobgp.BGP_MSG_UPDATE, 4097), want: []outcome{"reset 1/2"}},
		{name: "length 65535", send: header(gobgp.BGP_MSG_UPDATE, 65535), want: []outcome{"reset 1/2"}},
		{name: "flood of zeroes", send: make([]byte, 1<<20), want: []outcome{"reset 1/1", closed}},
		{name: "flood of ones", send: bytes.Repeat([]byte{0xff}, 1<<20), want: []outcome{"reset 1/2", closed}},
		{name: "half a header, then silence", send: keepalive[:10], want: []outcome{silent}},
		{name: "half a header, then the end", send: keepalive[:10], want: []outcome{hungUp}, hangsUp: true},
		{name: "half a message, then the end", send: header(gobgp.BGP_MSG_UPDATE, 100), want: []outcome{hungUp}, hangsUp: true},
		{name: "the end", want: []outcome{hungUp}, hangsUp: true},
	}
	// Type 128 is the refresh of before RFC 2918. One message of this type, of 19 bytes
	// ended GoBGP 3.37.0 (osrg/gobgp#3325).
	for _, kind := range []byte{0, 6, 7, 128, 255} {
		all = append(all,
			provocation{name: fmt.Sprintf("type %d", kind), send: message(kind), want: []outcome{"reset 1/3"}},
			provocation{name: fmt.Sprintf("type %d with a body", kind), send: message(kind, noise(2, 40)), want: []outcome{"reset 1/3"}})
	}
	return placed(group, at, all)
}

// placed completes provocations that have only the second half of their name.
func placed(group string, at stage, all []provocation) []provocation {
	for i := range all {
		all[i].name, all[i].stage = group+"/"+all[i].name, at
		// A header of which the rest does not come leaves a probe to be eaten.
		all[i].last = all[i].last || all[i].hangsUp || all[i].wants(silent)
	}
	return all
}

func insteadOfOpen() []provocation {
	const group = "before OPEN"
	return append(unframed(group, opening), placed(group, opening, []provocation{
		{name: "KEEPALIVE", send: keepalive, want: []outcome{"reset 5/1"}},
		{name: "UPDATE", send: oneRoute, want: []outcome{"reset 5/1"}},
		{name: "UPDATE that is malformed", send: update(nil, noise(3, 40), noise(4, 9)), want: []outcome{"reset 5/1", "reset 3/*"}},
		// RFC 4271, section 8.2.2 answers even that one in OpenSent.
		{name: "NOTIFICATION", send: cease, want: []outcome{closed, "reset 5/1"}},
		{name: "NOTIFICATION without a code", send: message(gobgp.BGP_MSG_NOTIFICATION), want: []outcome{closed, "reset 1/2"}},
		{name: "ROUTE-REFRESH", send: routeRefresh, want: []outcome{"reset 5/1"}},
		{name: "OPEN without a body", send: message(gobgp.BGP_MSG_OPEN), want: []outcome{"reset 1/2"}},
		{name: "OPEN without its last byte", send: message(gobgp.BGP_MSG_OPEN, make([]byte, 9)), want: []outcome{"reset 1/2"}},
		{name: "OPEN of which half comes", send: opens[established][:25], want: []outcome{silent}},
	})...)
}

// insteadOfKeepalive is sent when OPENs have been exchanged.
func insteadOfKeepalive() []provocation {
	const group = "before KEEPALIVE"
	return append(unframed(group, confirming), placed(group, confirming, []provocation{
		{name: "OPEN", send: opens[established], want: []outcome{"reset 5/2", "reset 6/7"}},
		{name: "UPDATE", send: oneRoute, want: []outcome{"reset 5/2"}},
		{name: "UPDATE that is malformed", send: update(nil, noise(3, 40), noise(4, 9)), want: []outcome{"reset 5/2", "reset 3/*"}},
		{name: "NOTIFICATION", send: cease, want: []outcome{closed}},
		{name: "ROUTE-REFRESH", send: routeRefresh, want: []outcome{"reset 5/2"}},
		{name: "KEEPALIVE with a body", send: message(gobgp.BGP_MSG_KEEPALIVE, noise(5, 7)), want: []outcome{"reset 1/2"}, last: true},
	})...)
}

// otherMessages are those after OPEN that carry no routes.
func otherMessages() []provocation {
	const group = "established"
	enhanced := func(subtype byte) []byte { return refresh(gobgp.AFI_IP, subtype, gobgp.SAFI_UNICAST) }
	return slices.Concat(unframed(group, established), placed(group, established, []provocation{
		// RFC 4271, section 8.2.2 leaves it open whether collisions are looked for.
		{name: "OPEN", send: opens[established], want: []outcome{kept, "reset 5/3", "reset 6/*"}},
		{name: "OPEN of another AS", send: openMessage{version: 4, as: 64999, hold: 90, id: routerID}.bytes(), want: []outcome{"reset 5/3", "reset 6/*"}},
		{name: "OPEN that is malformed", send: message(gobgp.BGP_MSG_OPEN, noise(6, 30)), want: []outcome{"reset 1/2", "reset 2/*", "reset 5/3", "reset 6/*"}},
		{name: "NOTIFICATION", send: cease, want: []outcome{closed}},
		{name: "NOTIFICATION without a code", send: message(gobgp.BGP_MSG_NOTIFICATION), want: []outcome{closed, "reset 1/2"}},
		{name: "NOTIFICATION without a subcode", send: message(gobgp.BGP_MSG_NOTIFICATION, []byte{6}), want: []outcome{closed, "reset 1/2"}},
		{name: "NOTIFICATION of an unknown code", send: message(gobgp.BGP_MSG_NOTIFICATION, []byte{255, 255}, noise(7, 100)), want: []outcome{closed}},
		{name: "NOTIFICATION whose reason overruns it", send: message(gobgp.BGP_MSG_NOTIFICATION, []byte{6, 2, 255}, []byte("bye")), want: []outcome{closed}},
		{name: "NOTIFICATION whose reason is not UTF-8", send: message(gobgp.BGP_MSG_NOTIFICATION, []byte{6, 4, 3, 0xff, 0xfe, 0xc0}), want: []outcome{closed}},
		{name: "NOTIFICATION of a hard reset", send: message(gobgp.BGP_MSG_NOTIFICATION, []byte{6, 9}), want: []outcome{closed}},
		{name: "KEEPALIVE with a body", send: message(gobgp.BGP_MSG_KEEPALIVE, noise(8, 1)), want: []outcome{"reset 1/2"}},
		{name: "KEEPALIVE of 4096 bytes", send: message(gobgp.BGP_MSG_KEEPALIVE, noise(8, 4096-19)), want: []outcome{"reset 1/2"}},
		{name: "KEEPALIVE ten thousand times", send: bytes.Repeat(keepalive, 10_000), want: []outcome{kept}},
		{name: "ROUTE-REFRESH without a body", send: message(gobgp.BGP_MSG_ROUTE_REFRESH), want: []outcome{"reset 7/1", "reset 1/2"}},
		{name: "ROUTE-REFRESH without its last byte", send: message(gobgp.BGP_MSG_ROUTE_REFRESH, []byte{0, 1, 0}), want: []outcome{"reset 7/1", "reset 1/2"}},
		// RFC 5291 puts filters behind it; who did not offer them ignores the message.
		{name: "ROUTE-REFRESH that is longer", send: message(gobgp.BGP_MSG_ROUTE_REFRESH, []byte{0, 1, 0, 1}, noise(9, 20)), want: []outcome{kept}, last: true},
		{name: "ROUTE-REFRESH of an unknown family", send: refresh(0xffff, 0, 0xff), want: []outcome{kept}},
		{name: "ROUTE-REFRESH of a family not agreed on", send: refresh(gobgp.AFI_L2VPN, 0, gobgp.SAFI_EVPN), want: []outcome{kept}},
		{name: "ROUTE-REFRESH that begins", send: enhanced(1), want: []outcome{kept}, last: true},
		{name: "ROUTE-REFRESH that ends", send: enhanced(2), want: []outcome{kept}, last: true},
		{name: "ROUTE-REFRESH of an unknown subtype", send: enhanced(255), want: []outcome{kept}, last: true},
		{name: "ROUTE-REFRESH a thousand times", send: bytes.Repeat(routeRefresh, 1000), want: []outcome{kept}, last: true},
	}), placed("extended messages", extended, []provocation{
		{name: "KEEPALIVE of 4097 bytes", send: message(gobgp.BGP_MSG_KEEPALIVE, make([]byte, 4097-19)), want: []outcome{"reset 1/2"}},
		{name: "OPEN of 4097 bytes", send: message(gobgp.BGP_MSG_OPEN, make([]byte, 4097-19)), want: []outcome{"reset 1/2"}},
		{name: "UPDATE of 65535 bytes of noise", send: update(nil, noise(10, 65535-23), nil), want: anyUpdateEnd},
		{name: "UPDATE of one attribute of 60000 bytes", send: update(nil, join(mandatory(0), attribute(0xd0, 99, noise(11, 60000))), foreign), want: []outcome{kept}},
		{name: "UPDATE of a malformed MP_REACH_NLRI of 60000 bytes", send: update(nil, attribute(0x90, 14, noise(12, 60000)), nil), want: anyUpdateEnd},
		{name: "UPDATE of ten thousand withdrawn routes", send: update(make([]byte, 10_000), nil, nil), want: []outcome{kept}},
		{name: "ROUTE-REFRESH of 65535 bytes", send: message(gobgp.BGP_MSG_ROUTE_REFRESH, make([]byte, 65535-19)), want: []outcome{kept}},
		{name: "NOTIFICATION of 65535 bytes", send: message(gobgp.BGP_MSG_NOTIFICATION, []byte{6, 2}, noise(13, 65535-21)), want: []outcome{closed}},
	}))
}
