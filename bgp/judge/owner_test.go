package judge

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

// TestAnAddressThatPassesToAnotherOwnerIsDrainedAndStartsAgain: who had it keeps its drain,
// and who gets it has neither its state nor the failures that would hold it back.
func TestAnAddressThatPassesToAnotherOwnerIsDrainedAndStartsAgain(t *testing.T) {
	of := func(owner vip.ServiceRef) config.VIP {
		check := config.Check{TCP: &config.TCPCheck{Address: netip.AddrPortFrom(otherVIP, uint16(len(owner.Name)))}, Scope: vip.Local, Rise: 3, Fall: 2}
		v := config.VIP{Address: dnsVIP, Bind: "lo", Checks: []config.Check{check}}
		if owner != (vip.ServiceRef{}) {
			v.Owners = []vip.ServiceRef{owner}
		}
		return v
	}
	bank, evil, file := of(vip.ServiceRef{Namespace: "bank", Name: "ledger"}), of(vip.ServiceRef{Namespace: "evil", Name: "x"}), of(vip.ServiceRef{})
	for name, c := range map[string]struct{ before, after config.VIP }{
		"to another namespace": {evil, bank}, "to the file": {evil, file}, "to a Service": {file, evil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *config.Config) { c.Flaps = config.Flaps{Budget: 1, Window: time.Hour} })
			results := func(v config.VIP, all ...error) {
				for _, result := range all {
					w.now = w.now.Add(time.Second)
					w.c.Observe(v.Checks[0].ID(), result, w.now)
				}
			}
			w.declare()
			w.declare(c.before)
			results(c.before, nil, nil, nil, errRefused, errRefused, nil, nil, nil)
			w.want(vip.Up, "up", true)
			w.declare(c.after)
			w.want(vip.Draining, "draining", true)
			w.passes(10 * time.Second)
			w.want(vip.Draining, "", true)
			w.passes(5 * time.Second)
			w.want(vip.Init, "", true)
			results(c.after, nil, nil)
			w.want(vip.Rising, "", true)
			results(c.after, nil, errRefused, errRefused, nil, nil, nil) // its first failure, and not the second
			w.want(vip.Up, "up", true)
		})
	}
}

// TestAHintDrainsOnlyVIPsOfItsOwnNamespace: what the resolver takes for a namespace's VIP is
// not always the speaker's view.
func TestAHintDrainsOnlyVIPsOfItsOwnNamespace(t *testing.T) {
	for _, c := range []struct {
		namespace string
		moves     bool
	}{{"media", true}, {"iot", false}, {"", false}, {"MEDIA", false}} {
		w := newWorld(t, nil)
		w.ofService()
		w.up()
		one := hint.Hint{VIP: dnsVIP, Namespace: c.namespace, Reason: "evicted"}
		own := hint.Hint{VIP: dnsVIP, Namespace: "media", Reason: "evicted"}
		w.c.SetHints([]hint.Hint{one}, w.now.Add(time.Minute), w.now)
		if ignored := w.c.IgnoredHints(w.now); (len(ignored) == 0) != c.moves {
			t.Errorf("%q: got ignored %v", c.namespace, ignored)
		}
		if c.moves {
			w.want(vip.Draining, "draining", true)
			continue
		}
		w.want(vip.Up, "up", true)
		w.c.SetHints([]hint.Hint{one, own}, w.now.Add(time.Minute), w.now) // and hides no other
		w.want(vip.Draining, "draining", true)
	}
}
