package bgp

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// ordered notes what a machine is asked for, one after the other.
type ordered struct {
	*machine
	calls     []string
	announced int
}

func (o *ordered) Bind(give, look []netip.Addr) (Bound, error) {
	o.calls = append(o.calls, "bind")
	return o.machine.Bind(give, look)
}

func (o *ordered) Discard(prefixes []netip.Prefix) map[netip.Prefix]error {
	o.calls = append(o.calls, "discard")
	return o.machine.Discard(prefixes)
}

func (o *ordered) Set(routes []Route) ([]Route, error) {
	o.calls, o.announced = append(o.calls, "set"), len(routes)
	return routes, nil
}

// TestAWithdrawalWaitsForNothing: the kernel lists thousands of addresses and routes in some tenths
// of a second, and is asked before a route is announced and after one is withdrawn.
func TestAWithdrawalWaitsForNothing(t *testing.T) {
	for name, keys := range map[string]string{"bound": "bind: lo, ", "of others": "", "forwarded": "forwarded: true, "} {
		config, err := Parse([]byte(`asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500}]
vips:
- {address: 198.51.100.1, ` + keys + `checks: [{tcp: {address: "192.0.2.9:1"}, rise: 1, fall: 1}]}
- {address: 198.51.100.2, ` + keys + `checks: [{tcp: {address: "192.0.2.9:2"}, rise: 1, fall: 1}]}
- {address: 198.51.100.3, ` + keys + `checks: [{tcp: {address: "192.0.2.9:3"}, rise: 1, fall: 1}]}
`))
		if err != nil {
			t.Fatal(err)
		}
		o := &ordered{machine: newMachine(t)}
		for i := range config.VIPs { // of others, none has ever been here
			o.there[config.VIPs[i].Address] = keys == "forwarded: true, "
		}
		s := newSpeaker(Options{Config: config, Announcer: o, Binder: o, Log: discard})
		ctx, cancel := context.WithCancel(t.Context())
		s.around, s.runner = ctx, newRunner(ctx, nil)
		now := time.Now()
		s.declare(now)
		result := func(vip int, failure error) {
			s.observe(result{id: config.VIPs[vip].Checks[0].id(), failure: failure, at: now})
		}
		for i := range config.VIPs {
			result(i, nil)
		}
		s.apply(now)
		if o.announced != len(config.VIPs) {
			t.Fatalf("%s: %d routes are announced", name, o.announced)
		}
		o.calls = nil
		result(0, errRefused)
		s.apply(now)
		if len(o.calls) == 0 || o.calls[0] != "set" || o.announced != len(config.VIPs)-1 {
			t.Errorf("%s: for a withdrawal it was asked %v, and %d routes are announced", name, o.calls, o.announced)
		}
		cancel()
		s.background.Wait()
		s.runner.wait()
	}
}
