package loopback

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// watched is a Watch that runs in a network namespace.
type watched struct {
	changes chan struct{}
	done    chan error
}

// watch returns when the Watch has started. It ends with the test.
func watch(t *testing.T, ns *netns.Namespace) *watched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watched{make(chan struct{}, 1), make(chan error, 1)}
	go func() {
		w.done <- ns.Do(func() error {
			return New(one, "").Watch(ctx, func() {
				select {
				case w.changes <- struct{}{}:
				default:
				}
			})
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-w.done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the watch did not end")
		}
	})
	if !w.sees(10 * time.Second) {
		t.Fatal("the watch did not start")
	}
	return w
}

// sees reports whether a change is seen within the time.
func (w *watched) sees(d time.Duration) bool {
	select {
	case <-w.changes:
		return true
	case <-time.After(d):
		return false
	}
}

// calm waits until nothing changes.
func (w *watched) calm() {
	for w.sees(100 * time.Millisecond) {
	}
}

// losses are changes by others to bound addresses, as iproute2 commands.
var losses = map[string][]string{
	"the IPv4 address is removed":           {"addr del 198.51.100.53/32 dev lo"},
	"the IPv6 address is removed":           {"addr del 2001:db8:53::53/128 dev lo"},
	"all are flushed":                       {"addr flush dev lo"},
	"IPv6 is flushed":                       {"-6 addr flush dev lo"},
	"addresses of global scope are flushed": {"addr flush dev lo scope global"},
	"lo goes down":                          {"link set lo down"},
	"lo goes down and up":                   {"link set lo down", "link set lo up"},
	"the IPv4 local route is removed":       {"route del table local local 198.51.100.53"},
	"the IPv6 local route is removed":       {"-6 route del table local local 2001:db8:53::53"},
	"all local routes are flushed":          {"route flush table local"},
	"all IPv6 local routes are flushed":     {"-6 route flush table local"},
	"another program replaces it":           {"addr del 198.51.100.53/32 dev lo", "addr add 198.51.100.53/32 dev lo"},
	"it is replaced by a wider prefix":      {"addr del 198.51.100.53/32 dev lo", "addr add 198.51.100.53/24 dev lo"},
}

func TestEveryLossIsSeenAndRepaired(t *testing.T) {
	for name, commands := range losses {
		t.Run(name, func(t *testing.T) {
			ns := netns.Enter(t)
			all := addrs("198.51.100.53", "2001:db8:53::53")
			bind(t, one, all...)
			w := watch(t, ns)
			w.calm()
			for _, command := range commands {
				ip(t, strings.Fields(command)...)
			}
			if !w.sees(time.Second) {
				t.Error("the loss was not seen")
			}
			bind(t, one, all...)
		})
	}
}

func TestRoutesOfOtherTablesAreIgnored(t *testing.T) {
	ns := netns.Enter(t)
	ip(t, "link", "add", "site0", "type", "veth", "peer", "name", "site1")
	ip(t, "link", "set", "site0", "up")
	ip(t, "addr", "add", "192.0.2.1/24", "dev", "site0")
	w := watch(t, ns)
	time.Sleep(2 * time.Second) // duplicate address detection of IPv6
	w.calm()
	for i := range 20 {
		ip(t, "route", "add", fmt.Sprintf("203.0.113.%d/32", i), "dev", "site0")
		ip(t, "-6", "route", "add", fmt.Sprintf("2001:db8:%d::/48", i), "dev", "lo")
	}
	if w.sees(200 * time.Millisecond) {
		t.Error("routes of other tables were reported")
	}
	ip(t, "route", "add", "local", "198.51.100.0/24", "dev", "lo")
	if !w.sees(time.Second) {
		t.Error("a change of a local route was not seen")
	}
}

// TestTheAddressesAreRestoredWhateverOthersDo has losses in any order, and binds after some
// of them: bound addresses are present or named, and those of others stay as they left them.
func TestTheAddressesAreRestoredWhateverOthersDo(t *testing.T) {
	netns.Enter(t)
	var names []string
	for name := range losses {
		names = append(names, name)
	}
	vips := addrs("198.51.100.53", "2001:db8:53::53", "198.51.100.80", "2001:db8:53::80")
	rapid.Check(t, func(r *rapid.T) {
		for _, command := range []string{"link set lo down", "addr flush dev lo", "link set lo up", "addr add 203.0.113.9/32 dev lo"} {
			ip(t, strings.Fields(command)...)
		}
		for range rapid.IntRange(1, 3).Draw(r, "steps") {
			for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(r, "losses") {
				for _, command := range losses[name] {
					_ = exec.Command("ip", strings.Fields(command)...).Run() // what is not there cannot be lost
				}
			}
			others := strings.Contains(held(t), "203.0.113.9")
			want := rapid.SliceOfNDistinct(rapid.SampledFrom(vips), 0, 4, func(a netip.Addr) netip.Addr { return a }).Draw(r, "bound")
			eventually(t, func() error { return honest(New(one, ""), want) })
			if strings.Contains(held(t), "203.0.113.9") != others {
				r.Error("an address of another program was changed")
			}
		}
	})
}

// honest binds, and returns an error if the missing addresses are not those without their route, or are the
// speaker's own.
func honest(b *Binder, want []netip.Addr) error {
	bound, err := b.Bind(want, nil)
	if err != nil {
		return err
	}
	local, err := localRoutes()
	if err != nil {
		return err
	}
	all, err := addresses()
	if err != nil {
		return err
	}
	for _, a := range want {
		if local.has(a) != (bound.Missing[a] == nil) || bound.Missing[a] != nil && all[a].ours() {
			return fmt.Errorf("%s: missing for %w; its route is there: %v", a, bound.Missing[a], local.has(a))
		}
	}
	return nil
}
