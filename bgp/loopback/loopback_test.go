package loopback

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
)

// inNamespace gives the test a network of its own, whose thread is not used again.
func inNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a network namespace needs root")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if _, err := netns.New(); err != nil {
		t.Skipf("SKIPPED: no network namespace can be made: %v", err)
	}
}

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// held are the addresses of lo.
func held(t *testing.T) string {
	t.Helper()
	all, err := list()
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

func TestLoHasExactlyWhatIsBoundAndWhatIsOthers(t *testing.T) {
	inNamespace(t)
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", "203.0.113.1/32", "dev", "lo"}, {"addr", "add", "2001:db8::1/128", "dev", "lo"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: ip %v: %v: %s", args, err, out)
		}
	}
	const others = "127.0.0.1 2001:db8::1 203.0.113.1"
	for _, step := range []struct {
		bind []netip.Addr
		want string
	}{
		{nil, others + " ::1"},
		{addrs("198.51.100.53", "2001:db8:53::53"), "127.0.0.1 198.51.100.53 2001:db8:53::53 2001:db8::1 203.0.113.1 ::1"},
		// Bound again, as after a restart: what is not wanted any more is removed.
		{addrs("198.51.100.53", "198.51.100.80"), "127.0.0.1 198.51.100.53 198.51.100.80 2001:db8::1 203.0.113.1 ::1"},
		// Somebody else's that is a VIP too is used, and is not ours to take away.
		{addrs("203.0.113.1"), others + " ::1"},
		{nil, others + " ::1"},
	} {
		bound, err := Binder{}.Bind(step.bind)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(bound, step.bind) {
			t.Errorf("bound %v of %v", bound, step.bind)
		}
		if got := held(t); got != step.want {
			t.Errorf("%v: lo has %s\nwant %s", step.bind, got, step.want)
		}
	}
}

func TestABoundAddressCanBeListenedOnAtOnce(t *testing.T) {
	inNamespace(t)
	for _, a := range addrs("198.51.100.53", "2001:db8:53::53") {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: ip: %v: %s", err, out)
		}
		if _, err := (Binder{}).Bind([]netip.Addr{a}); err != nil {
			t.Fatal(err)
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			t.Errorf("%s: %v", a, err)
			continue
		}
		l.Close()
	}
}

func TestAnAddressThatCannotBeBoundIsNamed(t *testing.T) {
	inNamespace(t)
	good, bad := netip.MustParseAddr("198.51.100.53"), netip.MustParseAddr("ff02::1")
	bound, err := Binder{}.Bind([]netip.Addr{bad, good})
	if err == nil || !strings.Contains(err.Error(), bad.String()) || !slices.Equal(bound, []netip.Addr{good}) {
		t.Errorf("%v %v", bound, err)
	}
}
