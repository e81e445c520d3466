package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/lab/process"
)

// boundTo returns the configuration of a site whose addresses the speaker binds.
func boundTo(number int, vips ...string) string {
	return strings.ReplaceAll(config(number, hold3.keys, vips...), "checks: [", bindToLo)
}

// TestAnAddressThatOthersRemoveIsRestored has other programs remove the VIPs of a site from lo,
// as networkd does when it restarts, and disables a family.
func TestAnAddressThatOthersRemoveIsRestored(t *testing.T) {
	l, r := newLAN(t)
	s := siteAddresses(1)
	startBIRD(r, birdConfig(s.neighbours()...))
	route4, route6 := watch(r, prefix(vip4)), watch(r, prefix(vip6))
	start := time.Now()
	s = l.site(1, boundTo(1, vip4, vip6))
	at4, at6 := s.node.bound(vip4), s.node.bound(vip6)
	route4.becomes(start, comeback, s.v4)
	route6.becomes(start, comeback, s.v6)
	back := func(what string) {
		t.Helper()
		eventually(t, what, slack, func() error {
			if at4.now() == "" || at6.now() == "" || route4.now() != s.v4 || route6.now() != s.v6 {
				return fmt.Errorf("got %q and %q on lo, %q and %q on the router", at4.now(), at6.now(), route4.now(), route6.now())
			}
			return nil
		})
	}
	for _, loss := range []string{
		"address del " + prefix(vip4) + " dev lo",
		"address del " + prefix(vip6) + " dev lo",
		"address flush dev lo scope global",
		"address flush dev lo",
		"route del local " + vip4 + " table local",
		"-6 route flush table local dev lo",
		"link set lo down; link set lo up",
	} {
		start := time.Now()
		for _, command := range strings.Split(loss, "; ") {
			s.node.ip(strings.Fields(command)...)
		}
		time.Sleep(5 * look)
		back(loss)
		for _, at := range []*history{at4, at6} {
			changes := at.since(start)
			if last := changes[len(changes)-1]; last.at.After(start) {
				t.Logf("%s: restored after %.2f s", loss, last.at.Sub(start).Seconds())
			}
		}
	}

	start = time.Now()
	s.node.sysctl("ipv6/conf/lo/disable_ipv6", "1")
	route6.becomes(start.Add(look), slack)
	eventually(t, "the status says why", slack, func() error {
		status, err := s.speaker.glance()
		if err == nil && !strings.Contains(status.VIPs[1].Reason.Text, "IPv6 is disabled on lo") {
			err = errors.New(status.VIPs[1].Reason.Text)
		}
		return err
	})
	time.Sleep(prompt)
	if changes := route4.since(start); len(changes) != 1 {
		t.Errorf("the route of the other family changed: %v", changes)
	}
	l.wantSaid(s.node, "speaker", "IPv6 is disabled on lo", 2) // as a fault, and as the VIP's reason
	bind := s.node.program("bind", filepath.Join(bin, "nearcast-speaker"), "--config", s.speaker.config, "--bind")
	s.node.run(bind)
	eventually(t, "--bind ends", slack, func() error { return hasEnded(bind) })
	l.wantSaid(s.node, "bind", "IPv6 is disabled on lo", 1)
	s.node.sysctl("ipv6/conf/lo/disable_ipv6", "0")
	back("IPv6 is enabled again")
}

// wantSaid counts the lines of a program's log that have the text.
func (n *network) wantSaid(m *node, log, text string, times int) {
	n.t.Helper()
	said, err := os.ReadFile(filepath.Join(n.dir, m.name+"-"+log+".log"))
	if got := strings.Count(string(said), text); err != nil || got != times {
		n.t.Errorf("%s: got %q %d times in the log, want %d: %v\n%s", log, text, got, times, err, said)
	}
}

// TestAnAddressNoLongerPresentIsNotAnnounced until another program adds it to the machine, on
// any link, and not after it is removed.
func TestAnAddressNoLongerPresentIsNotAnnounced(t *testing.T) {
	l, r := newLAN(t)
	s := siteAddresses(1)
	startBIRD(r, birdConfig(neighbour{address: s.v4, asn: s.asn}))
	s = l.site(1, config(1, hold3.keys, vip4))
	route := watch(r, prefix(vip4))
	route.becomes(time.Now(), comeback, s.v4)
	// The check must not notice first.
	s.speaker.rewrite(strings.Replace(config(1, hold3.keys, vip4), "interval: 200ms", "interval: 1m, fastInterval: 200ms", 1))
	for _, where := range []string{"lo", "eth0"} {
		start := time.Now()
		s.node.ip("address", "del", prefix(vip4), "dev", "lo")
		t.Logf("withdrawn after %.2f s", route.becomes(start.Add(look), slack).Seconds())
		start = time.Now()
		s.node.address(where, prefix(vip4))
		route.becomes(start, slack, s.v4)
		if where != "lo" {
			s.node.ip("address", "del", prefix(vip4), "dev", where)
			route.becomes(time.Now(), slack)
		}
	}
}

// TestASpeakerLeavesAnothersAddressesAlone has several speakers on one machine.
func TestASpeakerLeavesAnothersAddressesAlone(t *testing.T) {
	n := newNetwork(t)
	m := n.node("s1")
	at := map[string]*history{}
	for _, a := range []string{"198.51.100.53", "198.51.100.54", "198.51.100.55"} {
		at[a] = m.bound(a)
	}
	there := func(what string, addresses ...string) {
		t.Helper()
		eventually(t, what, slack, func() error {
			for a, h := range at {
				if want := strings.Contains(strings.Join(addresses, " "), a); (h.now() != "") != want {
					return fmt.Errorf("%s is bound: got %v, want %v", a, !want, want)
				}
			}
			return nil
		})
	}
	file := func(name, admin, text string) string {
		path := filepath.Join(n.dir, name+".yaml")
		fixture.Write(t, path, "admin: "+filepath.Join(n.dir, admin)+"\n"+text)
		return path
	}
	run := func(log, path string, more ...string) *process.Process {
		p := m.program(log, append([]string{filepath.Join(bin, "nearcast-speaker"), "--config", path}, more...)...)
		m.run(p)
		return p
	}
	ended := func(p *process.Process) {
		t.Helper()
		eventually(t, "it has exited", slack, func() error { return hasEnded(p) })
	}
	one := file("one", "one.sock", boundTo(1, "198.51.100.53"))
	first := run("first", one)
	there("the first runs", "198.51.100.53")

	ended(run("twice", one))
	n.wantSaid(m, "twice", "another speaker (process ", 1)
	ended(run("socket", file("socket", "one.sock", boundTo(2, "198.51.100.54"))))
	n.wantSaid(m, "socket", "is in use by another running program (process ", 1)
	two := file("two", "two.sock", boundTo(2, "198.51.100.54"))
	ended(run("bind", two, "--bind"))
	there("bound by the file of another speaker", "198.51.100.53", "198.51.100.54")
	second := run("second", two)
	eventually(t, "the second speaker has its socket", slack, func() error {
		_, err := os.Lstat(filepath.Join(n.dir, "two.sock"))
		return err
	})
	second.Stop(syscall.SIGTERM)
	there("the second has ended", "198.51.100.53")
	if hasEnded(first) == nil {
		t.Error("the first has ended")
	}

	// A killed speaker leaves its address, which its file still has.
	second = run("second", two)
	there("the second runs again", "198.51.100.53", "198.51.100.54")
	second.Stop(syscall.SIGKILL)
	third := run("third", file("three", "three.sock", boundTo(3, "198.51.100.55")))
	there("a third runs", "198.51.100.53", "198.51.100.54", "198.51.100.55")
	third.Stop(syscall.SIGTERM)
	there("and has exited", "198.51.100.53", "198.51.100.54")
	second = run("second", file("two", "two.sock", boundTo(2, "198.51.100.55")))
	there("its file has another address instead", "198.51.100.53", "198.51.100.55")
	second.Stop(syscall.SIGTERM)
	there("the first address is left", "198.51.100.53")

	// A file that is not a socket is not replaced, and the configuration is rejected.
	precious := filepath.Join(n.dir, "precious")
	fixture.Write(t, precious, "precious")
	ended(run("file", file("file", "precious", boundTo(2, "198.51.100.54"))))
	n.wantSaid(m, "file", "exists and is not a socket", 1)
	if text, err := os.ReadFile(precious); string(text) != "precious" {
		t.Error(errors.Join(err, errors.New("the file was replaced")))
	}
	there("in the end", "198.51.100.53")
}
