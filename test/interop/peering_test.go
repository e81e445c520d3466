package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// never is how long to wait to see that no session comes up: sessions that do are
// up within a few seconds, as each test that uses it shows.
const never = 8 * time.Second

// peering is a router and a site whose session the test configures itself.
type peering struct {
	brand brand
	node  *node // the router's
	lan   *lan
	router
	site *site
	vip  *routes // at the router
}

// newPeering connects a router that has the neighbor to a site, which is site 1 with
// the peer, without waiting.
func newPeering(t *testing.T, b brand, n neighbour, config string) *peering {
	t.Helper()
	network := newNetwork(t)
	p := &peering{brand: b, lan: network.lan("lan"), node: network.node("r1")}
	p.lan.join(p.node, routerID+"/24", routerV6+"/64")
	p.vip = watch(p.node, prefix(vip4))
	p.site = p.lan.site(1, config)
	p.router = b.start(p.node, b.config(n))
	return p
}

// one returns site 1 as a neighbor, with changes.
func one(changes ...func(*neighbour)) neighbour {
	s := siteAddresses(1)
	n := neighbour{address: s.v4, asn: s.asn}
	for _, change := range changes {
		change(&n)
	}
	return n
}

// wantSession waits for the session, and for the route to the VIP that it brings.
func (p *peering) wantSession() routerSession {
	p.node.t.Helper()
	start := time.Now()
	s := established(p.node, p.router, p.site.v4)
	p.vip.becomes(start, comeback, p.site.v4)
	return s
}

// wantNoSession waits for an existing session to end, and then checks that none
// comes up.
func (p *peering) wantNoSession(why string) {
	p.node.t.Helper()
	p.vip.becomes(time.Now(), slack)
	for start := time.Now(); time.Since(start) < never; time.Sleep(look) {
		if s, err := p.session(p.site.v4); err != nil || s.established {
			p.node.t.Fatalf("%s: got %+v, %v, want no session", why, s, err)
		}
	}
}

// reconfigure replaces the running router's neighbors by this one.
func (p *peering) reconfigure(n neighbour) {
	p.node.t.Helper()
	replace(p.router, p.brand, n)
}

// replace replaces a running router's neighbors. FRR
// adds to its configuration, so the old one is removed first.
func replace(r router, b brand, neighbours ...neighbour) {
	text := b.config(neighbours...)
	if _, ok := r.(*frr); ok {
		text = fmt.Sprintf("no router bgp %d\n%s", routerASN, text)
	}
	r.configure(text)
}

// glance returns the speaker's status.
func (s *speaker) glance() (bgp.Status, error) {
	var st bgp.Status
	err := admin.Call(context.Background(), s.admin, http.MethodGet, "/status", nil, &st)
	return st, err
}

// rewrite replaces the configuration; the speaker reads it within a second.
func (s *speaker) rewrite(config string) {
	s.node.t.Helper()
	fixture.Write(s.node.t, s.config, "admin: "+s.admin+"\n"+config)
}

// peer returns the speaker's status of one peer, by its address or its link.
func (s *speaker) peer(name string) (session.Status, error) {
	st, err := s.glance()
	if err != nil {
		return session.Status{}, err
	}
	i := slices.IndexFunc(st.Peers, func(p session.Status) bool { return p.Address == name || p.Interface == name })
	if i < 0 {
		return session.Status{}, errors.New("the speaker has no peer " + name)
	}
	return st.Peers[i], nil
}
