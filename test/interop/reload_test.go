package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// reloads is how often the configuration changes; the last time it has every VIP
// and every router.
const reloads = 100

// TestAHundredReloadsResetNoSession adds and removes VIPs and a router, and writes
// an invalid file now and then, which is rejected as a whole.
func TestAHundredReloadsResetNoSession(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it makes a hundred reloads")
	}
	more := []string{"198.51.100.61", "198.51.100.62", "198.51.100.63"}
	const comesAndGoes = "192.0.2.3"
	text := func(i int) string {
		vips := []string{vip4}
		for n, vip := range more {
			if i == reloads || (i+n)%3 > 0 {
				vips = append(vips, vip)
			}
		}
		checked := fmt.Sprintf("%s:53", vip4)
		text := &strings.Builder{}
		text.WriteString(config(1, hold3.keys))
		for _, vip := range vips {
			fmt.Fprintf(text, "  - address: %q\n    forwarded: true\n    checks: [{dns: {server: %q, name: %s}, rise: 2, fall: 2, interval: 200ms}]\n", vip, checked, zone)
		}
		peers := "peers:\n"
		for n, address := range []string{routerID, "192.0.2.2", comesAndGoes} {
			if n < 2 || i%2 == 0 {
				peers += fmt.Sprintf("  - {address: %s, asn: %d, %s}\n", address, routerASN, hold3.keys)
			}
		}
		return strings.Replace(text.String(), "peers:\n", peers, 1)
	}
	n := newNetwork(t)
	l := n.lan("lan")
	type known struct {
		node   *node
		router router
		vip    *routes
		before routerSession
	}
	var routers []*known
	for i, b := range append(slices.Clone(brands), brands[0]) {
		r := n.node(fmt.Sprintf("r%d", i+1))
		l.join(r, fmt.Sprintf("192.0.2.%d/24", i+1))
		routers = append(routers, &known{node: r, router: b.start(r, b.config(one())), vip: watch(r, prefix(vip4))})
	}
	s := l.site(1, text(0))
	for _, r := range routers {
		r.vip.becomes(time.Now(), comeback, s.v4)
		r.before = established(r.node, r.router, s.v4)
	}
	start := time.Now()
	for i := 1; i <= reloads; i++ {
		if i%10 == 0 {
			s.speaker.rewrite(strings.Replace(text(i), "holdTime: 3s", "holdTime: 1s", 1))
			eventually(t, "the file is rejected", slack, func() error {
				return s.speaker.faulty(s.speaker.config + ": line 6: peers[0].holdTime: 1s is not whole seconds")
			})
			s.speaker.wantInForce(text(i - 1))
		}
		s.speaker.rewrite(text(i))
		s.speaker.wantInForce(text(i))
		eventually(t, "the file is in effect", slack, func() error {
			st, err := s.speaker.glance()
			if err == nil && st.Fault != "" {
				err = fmt.Errorf("%s", st.Fault)
			}
			return err
		})
	}
	t.Logf("%d changes took effect in %.1f s", reloads, time.Since(start).Seconds())
	for i, r := range routers {
		for _, vip := range append(slices.Clone(more), vip4) {
			watch(r.node, prefix(vip)).becomes(time.Now(), comeback, s.v4)
		}
		if i == 2 {
			continue // it was removed and added
		}
		if after := established(r.node, r.router, s.v4); !after.same(r.before) || len(r.vip.since(start)) != 1 {
			t.Errorf("%s: the session changed: got %+v, was %+v; the route was %v", r.node.name, after, r.before, r.vip.since(start))
		}
	}
}

// wantInForce waits until the speaker has exactly the VIPs and the peers that the
// configuration names.
func (s *speaker) wantInForce(config string) {
	s.node.t.Helper()
	eventually(s.node.t, "the configuration is in effect", slack, func() error {
		st, err := s.glance()
		if err != nil {
			return err
		}
		var got []string
		for _, p := range st.Peers {
			got = append(got, p.Address)
		}
		for _, v := range st.VIPs {
			got = append(got, v.Address)
		}
		want := addressesOf(config)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %v, want %v", got, want)
		}
		return nil
	})
}

// addressesOf returns those of the peers and the VIPs of a configuration.
func addressesOf(config string) (all []string) {
	for _, line := range lines(config) {
		if _, rest, found := strings.Cut(line, "address: "); found {
			address, _, _ := strings.Cut(rest, ",")
			all = append(all, strings.Trim(address, `"`))
		}
	}
	return all
}
