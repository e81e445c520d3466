package loopback

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

func ip(t *testing.T, args ...string) {
	t.Helper()
	if err := netns.IP(args...); err != nil {
		t.Fatal(err)
	}
}

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// held returns the addresses of lo.
func held(t *testing.T) string {
	t.Helper()
	all, err := addresses()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for a := range all {
		texts = append(texts, a.String())
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// bind has the owner bind addresses, all of which must soon be present.
func bind(t *testing.T, owner Owner, addrs ...netip.Addr) {
	t.Helper()
	eventually(t, func() error {
		bound, err := New(owner, "").Bind(addrs, nil)
		if err == nil && len(bound.Missing) > 0 {
			err = fmt.Errorf("%v: missing %v", addrs, bound.Missing)
		}
		return err
	})
}

// eventually tries until try returns nil: on a loaded machine the kernel may take a
// while to add the route of an IPv6 address.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(routeTime) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

const (
	one Owner = 1 + iota
	two
)

func TestLoHasExactlyOurAddressesAndThoseOfOthers(t *testing.T) {
	netns.Enter(t)
	ip(t, "addr", "add", "203.0.113.1/32", "dev", "lo")
	ip(t, "addr", "add", "2001:db8::1/128", "dev", "lo")
	const others = "127.0.0.1 2001:db8::1 203.0.113.1"
	for _, step := range []struct {
		bind []netip.Addr
		want string
	}{
		{nil, others + " ::1"},
		{addrs("198.51.100.53", "2001:db8:53::53"), "127.0.0.1 198.51.100.53 2001:db8:53::53 2001:db8::1 203.0.113.1 ::1"},
		// Bound again, as after a restart: addresses no longer wanted are removed.
		{addrs("198.51.100.53", "198.51.100.80"), "127.0.0.1 198.51.100.53 198.51.100.80 2001:db8::1 203.0.113.1 ::1"},
		// Another program's address that is also a VIP is used, but not removed.
		{addrs("203.0.113.1"), others + " ::1"},
		{nil, others + " ::1"},
	} {
		bind(t, one, step.bind...)
		if got := held(t); got != step.want {
			t.Errorf("%v: got %s on lo\nwant %s", step.bind, got, step.want)
		}
	}
}

func TestAnAddressIsAddedOnceAndReported(t *testing.T) {
	netns.Enter(t)
	all := addrs("198.51.100.53", "2001:db8:53::53")
	b := New(one, "")
	for i, want := range []int{2, 0, 1} {
		bound, err := b.Bind(all, nil)
		if err != nil || len(bound.Given) != want {
			t.Errorf("round %d: got %v, %v added, want %d", i, bound.Given, err, want)
		}
		if i == 1 {
			ip(t, "addr", "del", "198.51.100.53/32", "dev", "lo")
		}
	}
}

func TestABoundAddressCanBeListenedOnImmediately(t *testing.T) {
	netns.Enter(t)
	for _, a := range addrs("198.51.100.53", "2001:db8:53::53") {
		bind(t, one, a)
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			t.Errorf("%s: %v", a, err)
			continue
		}
		l.Close()
	}
}

func TestAnAddressThatCannotBeBoundIsNamedAndAffectsNoOther(t *testing.T) {
	netns.Enter(t)
	good, bad := netip.MustParseAddr("198.51.100.53"), netip.MustParseAddr("ff02::1")
	bound, err := New(one, "").Bind([]netip.Addr{bad, good}, nil)
	if err != nil || len(bound.Missing) != 1 || bound.Missing[bad] == nil {
		t.Errorf("%v %v", bound, err)
	}
}

func TestADisabledFamilyIsNamedAndDoesNotAffectTheOther(t *testing.T) {
	netns.Enter(t)
	ipv6(t, false)
	all := addrs("2001:db8:53::53", "198.51.100.53", "2001:db8:53::80")
	failed, err := New(one, "").Give(all)
	if err != nil || len(failed) != 2 || !errors.Is(failed[all[0]], ErrNoFamily) || !errors.Is(failed[all[2]], ErrNoFamily) {
		t.Errorf("added: %v %v", failed, err)
	}
	bound, err := New(one, "").Bind(all, nil)
	if err != nil || !slices.Equal(slices.SortedFunc(maps.Keys(bound.Missing), netip.Addr.Compare), addrs("2001:db8:53::53", "2001:db8:53::80")) {
		t.Errorf("bound: %v %v", bound, err)
	}
	ipv6(t, true)
	bind(t, one, all...)
}

// ipv6 enables or disables IPv6 on lo.
func ipv6(t *testing.T, on bool) {
	t.Helper()
	text := "1"
	if on {
		text = "0"
	}
	// /proc/sys/net belongs to the network namespace of the thread that opens it.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// TestAddressesOfOthersAreFound on any link, or within a local prefix.
func TestAddressesOfOthersAreFound(t *testing.T) {
	netns.Enter(t)
	look := addrs("198.51.100.53", "2001:db8:53::53")
	want := func(what string, missing int) {
		t.Helper()
		eventually(t, func() error {
			bound, err := New(one, "").Bind(nil, look)
			if err != nil || len(bound.Missing) != missing || len(bound.Given) > 0 {
				return fmt.Errorf("%s: got missing %v, added %v, %w; want %d missing", what, bound.Missing, bound.Given, err, missing)
			}
			return nil
		})
	}
	want("nobody has added them", 2)
	ip(t, "link", "add", "site0", "type", "veth", "peer", "name", "site1")
	ip(t, "link", "set", "site0", "up")
	ip(t, "link", "set", "site1", "up")
	ip(t, "addr", "add", "198.51.100.1/24", "dev", "site0")
	want("the network is on a link, and the address is not", 2)
	ip(t, "route", "add", "198.51.100.53/32", "dev", "site0")
	want("a route leads elsewhere", 2)
	ip(t, "addr", "add", "198.51.100.53/32", "dev", "site0")
	want("one is on a link", 1)
	ip(t, "addr", "add", "2001:db8:53::53/128", "dev", "site0", "nodad")
	want("both are", 0)
	ip(t, "addr", "flush", "dev", "site0")
	want("neither is any longer", 2)
	ip(t, "route", "add", "local", "198.51.100.0/24", "dev", "lo")
	ip(t, "-6", "route", "add", "local", "2001:db8:53::/64", "dev", "lo")
	want("their prefixes are local", 0)
}

// TestUnusedAddressesOfAnAggregateAreDropped and go neither back to the router nor away with another
// owner's prefixes; addresses of this machine are reached.
func TestUnusedAddressesOfAnAggregateAreDropped(t *testing.T) {
	netns.Enter(t)
	ip(t, "link", "add", "site0", "type", "veth", "peer", "name", "site1")
	ip(t, "link", "set", "site0", "up")
	ip(t, "link", "set", "site1", "up")
	ip(t, "addr", "add", "192.0.2.11/24", "dev", "site0")
	ip(t, "route", "add", "default", "via", "192.0.2.1")
	bind(t, one, addrs("198.51.100.53")...)
	leads := func(to, want string) {
		t.Helper()
		out, err := exec.Command("ip", "route", "get", to).CombinedOutput()
		if text := string(out); (err == nil || want == "") && !strings.Contains(text, want) || err != nil && want != "" && !strings.Contains(text, want) {
			t.Errorf("%s: got %s %v, want %q", to, text, err, want)
		}
	}
	prefix := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	leads("198.51.100.80", "via 192.0.2.1") // for comparison: it would go back
	for range 2 {
		if failed := New(one, "").Discard(prefix("198.51.100.0/24", "2001:db8:53::/48")); len(failed) > 0 {
			t.Fatal(failed)
		}
	}
	if failed := New(two, "").Discard(prefix("198.51.100.0/24", "203.0.113.0/24")); len(failed) > 0 {
		t.Fatal(failed)
	}
	for _, to := range []string{"198.51.100.80", "2001:db8:53::80", "203.0.113.1"} {
		leads(to, "Invalid argument") // what iproute2 prints for a blackhole
	}
	leads("198.51.100.53", "local")
	if failed := New(one, "").Discard(nil); len(failed) > 0 {
		t.Fatal(failed)
	}
	leads("198.51.100.80", "Invalid argument") // the other owner's
	if failed := New(two, "").Discard(nil); len(failed) > 0 {
		t.Fatal(failed)
	}
	leads("198.51.100.80", "via 192.0.2.1")
}

// TestAnOwnerRemovesOnlyItsOwnAddresses: another's stay, whether its speaker runs or
// not; its file may still have them.
func TestAnOwnerRemovesOnlyItsOwnAddresses(t *testing.T) {
	netns.Enter(t)
	bind(t, one, addrs("198.51.100.53", "2001:db8:53::53")...)
	bind(t, two, addrs("198.51.100.54", "2001:db8:53::54")...)
	both := "127.0.0.1 198.51.100.53 198.51.100.54 2001:db8:53::53 2001:db8:53::54 ::1"
	if got := held(t); got != both {
		t.Errorf("got %s on lo, want %s", got, both)
	}
	if failed, err := New(two, "").Give(addrs("198.51.100.55")); err != nil || len(failed) > 0 {
		t.Errorf("%v %v", failed, err)
	}
	bind(t, two)
	if got, want := held(t), "127.0.0.1 198.51.100.53 2001:db8:53::53 ::1"; got != want {
		t.Errorf("got %s on lo, want %s", got, want)
	}
	bind(t, one)
	if got, want := held(t), "127.0.0.1 ::1"; got != want {
		t.Errorf("got %s on lo, want %s", got, want)
	}
}

// TestASharedAddressBelongsToTheRunningOwner: while its first owner's speaker runs it stays
// that one's, and passes to the second when it has ended.
func TestASharedAddressBelongsToTheRunningOwner(t *testing.T) {
	for _, a := range addrs("198.51.100.53", "2001:db8:53::53") {
		t.Run(a.String(), func(t *testing.T) {
			netns.Enter(t)
			release, err := one.Claim("/nowhere/one.yaml")
			if err != nil {
				t.Fatal(err)
			}
			bind(t, one, a)
			owner := func(what string, want Owner) {
				t.Helper()
				all, err := addresses()
				if err != nil || all[a].owner != want {
					t.Errorf("%s: got owner %d, %v, want %d", what, all[a].owner, err, want)
				}
			}
			bind(t, two, a)
			owner("the first runs", one)
			bind(t, two)
			owner("the second gives it up", one)
			release()
			bind(t, two, a)
			owner("the first has ended", two)
			bind(t, one)
			owner("the first starts again with a file without it", two)
			bind(t, two)
			if got := held(t); strings.Contains(got, a.String()) {
				t.Errorf("got %s on lo", got)
			}
		})
	}
}

// TestTheAddressesOfAnEarlierVersionAreFound although it named no owner.
func TestTheAddressesOfAnEarlierVersionAreFound(t *testing.T) {
	netns.Enter(t)
	for _, a := range addrs("198.51.100.53", "198.51.100.54", "2001:db8:53::53", "2001:db8:53::54") {
		if err := change(0x14, 0x400, a, 0); err != nil { // RTM_NEWADDR, NLM_F_CREATE
			t.Fatal(err)
		}
	}
	bind(t, one, addrs("198.51.100.53", "2001:db8:53::53")...)
	all, err := addresses()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(held(t), all[netip.MustParseAddr("198.51.100.53")].owner, all[netip.MustParseAddr("2001:db8:53::53")].owner)
	if want := "127.0.0.1 198.51.100.53 2001:db8:53::53 ::1 1 1\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
