package judge

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/vip"
)

// lost reports that the VIP is missing, and found that it is present.
func (w *world) lost() {
	w.c.SetMissing(map[netip.Addr]string{dnsVIP: "another program removed it"}, w.now)
}
func (w *world) found() { w.c.SetMissing(nil, w.now) }

// TestAnAddressThatIsNotPresentIsNotChecked: another site would answer, and the VIP come
// back for that.
func TestAnAddressThatIsNotPresentIsNotChecked(t *testing.T) {
	for name, bind := range map[string]string{"bound": "lo", "another program's": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			v := config.VIP{Address: dnsVIP, Bind: bind, Checks: []config.Check{{TCP: &config.TCPCheck{Address: netip.AddrPortFrom(dnsVIP, 53)}, Scope: vip.Local, Rise: 1, Fall: 1}}}
			w.declare(v)
			id := v.Checks[0].ID()
			w.c.Observe(id, nil, w.now)
			w.lost()
			w.want(vip.Down, "", bind != "")
			if len(w.c.Checks(w.now)) != 0 {
				t.Error("another site is checked")
			}
			w.c.Observe(id, nil, w.now)
			w.found()
			w.want(vip.Init, "", bind != "")
			w.c.Observe(id, nil, w.now)
			w.want(vip.Up, "up", bind != "")
		})
	}
}

func TestAMissingAddressIsWithdrawnInEveryStateWithoutAFlap(t *testing.T) {
	for name, before := range map[string]func(*world){
		"up":       func(*world) {},
		"degraded": func(w *world) { w.upstream(errRefused, errRefused) },
		"draining": func(w *world) { w.c.SetDrains([]vip.Drain{{}}, w.now) },
		"stopping": func(w *world) { w.c.Stop(w.now) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.up()
			before(w)
			flaps := w.c.Status(w.now)[0].Flaps
			w.lost()
			if d := w.c.Desired(w.now); len(d.Routes) > 0 {
				t.Errorf("announced: %+v", d)
			}
			if st := w.c.Status(w.now)[0]; st.Flaps != flaps || st.Bound {
				t.Errorf("got %+v with %d flaps; a missing address must not count as a flap", st, flaps)
			}
		})
	}
}

func TestAnAddressThatIsGivenUpDoesNotCountAsMissing(t *testing.T) {
	w := newWorld(t, nil)
	w.up()
	w.c.SetDrains([]vip.Drain{{Reason: "kernel"}}, w.now)
	w.passes(time.Minute)
	w.lost()
	w.want(vip.Down, "", false)
	if reason := w.c.Status(w.now)[0].Reason; reason.Code != vip.Drained {
		t.Errorf("got reason %+v", reason)
	}
}

// TestAServiceWaitsForItsDataPath: while kube-proxy has no rules of it, an address is
// not local, and packets to it go back to the router.
func TestAServiceWaitsForItsDataPath(t *testing.T) {
	w := newWorld(t, nil)
	backing := func(b vip.Backing) {
		v := theVIP
		v.Owners, v.Bind, v.Backing = []vip.ServiceRef{{Namespace: "media", Name: "thumbnail"}}, "", b
		w.declare(v)
	}
	backing(vip.Backing{State: vip.Untaken, Reason: "the status of the Service lacks it"})
	w.passes(10 * time.Second) // the VIP of the file before it has left
	backing(vip.Backing{State: vip.Untaken, Reason: "the status of the Service lacks it"})
	w.upstream(nil, nil)
	w.local(nil, nil, nil)
	for range 2 {
		w.want(vip.Down, "", false)
		if reason := w.c.Status(w.now)[0].Reason; reason != (vip.Reason{Code: vip.NoDataPath, Text: "the status of the Service lacks it"}) {
			t.Errorf("%+v", reason)
		}
		backing(vip.Backing{})
		w.want(vip.Rising, "", false)
		w.passes(time.Second)
		backing(vip.Backing{}) // declared again, for something else
		w.passes(time.Second - 1)
		w.want(vip.Rising, "", false)
		w.passes(1)
		w.want(vip.Up, "up", false)
		backing(vip.Backing{State: vip.Unbacked, Reason: "no ready endpoint"})
		w.want(vip.Down, "", false)
		backing(vip.Backing{})
		w.passes(2*time.Second - 1)
		w.want(vip.Rising, "", false)
		w.passes(1)
		w.want(vip.Up, "up", false)
		backing(vip.Backing{State: vip.Untaken, Reason: "the status of the Service lacks it"})
	}
	if flaps := w.c.Status(w.now)[0].Flaps; flaps != 2 {
		t.Errorf("got %d flaps, want only those of the endpoints", flaps)
	}
}
