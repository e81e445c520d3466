package interop

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// later is a VIP that a speaker has and the router's configuration lacks.
const later = "198.51.100.99"

// printedConfig is that of site 1, with all that a session on one link can have.
// Nothing but GRACEFUL_SHUTDOWN tells it from another site when it drains.
const printedConfig = `asn: 64511
routerID: 192.0.2.11
states: {degraded: {prepend: 0, med: 0}, draining: {prepend: 0, med: 0, dwell: 5m, linger: 0s}}
peers:
  - {address: 192.0.2.1, localAddress: 192.0.2.11, asn: 64500, passwordFile: %s, holdTime: 90s, bfd: true, families: [ipv4, ipv6], nextHop: "2001:db8::11"}
vips:
  - {address: 198.51.100.53, checks: [%[2]s]}
  - {address: "2001:db8:53::53", checks: [%[2]s]}
`

const quickCheck = `{dns: {server: "198.51.100.53:53", name: fn.example.org}, rise: 2, fall: 2, interval: 200ms}`

// TestARouterWorksWithThePrintedConfiguration gives routers only what
// "nearcast bgp router-config" prints for two sites.
func TestARouterWorksWithThePrintedConfiguration(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it takes too long")
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			l, r := newLAN(t)
			key := filepath.Join(l.dir, "key")
			fixture.Write(t, key, theKey+"\n")
			printed := fmt.Sprintf(printedConfig, key, quickCheck)
			first := printed + fmt.Sprintf("  - {address: %s, forwarded: true, checks: [%s]}\n", later, quickCheck)
			second := config(2, "holdTime: 3s, localAddress: 192.0.2.12", vip4)
			router := b.start(r, l.printed(b, printed, second))
			watched, watched6, watchedLater := watch(r, prefix(vip4)), watch(r, prefix(vip6)), watch(r, prefix(later))

			start := time.Now()
			one, two := l.site(1, first), l.site(2, second)
			watched.becomes(start, comeback, one.v4, two.v4)
			watched6.becomes(start, comeback, one.v6)
			waitForBFD(t, router, one)
			before := established(r, router, one.v4)
			if before.hold != 90*time.Second {
				t.Errorf("got a hold time of %s, want 90s", before.hold)
			}

			wantAnnounced(one, later)
			time.Sleep(prompt)
			if all, err := router.paths(prefix(later)); err != nil || len(all) > 0 {
				t.Errorf("%+v, %v: the router accepted a route to %s, which its configuration lacks", all, err, later)
			}
			start = time.Now()
			load(router, l.printed(b, first, second))
			watchedLater.becomes(start, slack, one.v4)
			if changes := watched.since(start); len(changes) != 1 {
				t.Errorf("the route to %s changed with the router's configuration: %v", vip4, changes)
			}

			start = time.Now()
			one.drain()
			watched.becomes(start, slack, two.v4)
			if all, err := router.paths(prefix(vip4)); err != nil || !slices.ContainsFunc(all, func(p path) bool {
				return p.nextHop == one.v4 && p.localPref == 0 && slices.Contains(p.communities, "65535:0")
			}) {
				t.Errorf("got %+v, %v, want local preference 0 for the marked routes of %s", all, err, one.v4)
			}
			if after := established(r, router, one.v4); !after.same(before) {
				t.Errorf("the session changed: got %+v, was %+v", after, before)
			}
		})
	}
}

// placeholder stands for a key.
var placeholder = regexp.MustCompile(`<the-key-in-[^>]*>`)

// ownLines are what a router has besides, because it is for all of the router:
// startBIRD leaves its ID to the configuration, and looks up the way to a speaker that
// is not on a link in its own tables.
var ownLines = map[string]string{
	"FRR":  "router bgp 64500\n bgp bestpath as-path multipath-relax\n",
	"BIRD": "router id " + routerID + ";\nprotocol bfd {}\nprotocol direct { ipv4; ipv6; }\n",
}

var buildNearcast = sync.OnceValue(func() error { return fixture.Build(bin, "nearcast") })

// printed returns what the command prints for the only peer of each speaker, with
// the key in its place.
func (n *network) printed(b brand, configs ...string) string {
	n.t.Helper()
	text := n.text(b, "", configs...)
	if got := strings.Count(text, theKey); got != 1 {
		n.t.Errorf("got %d placeholders for the key, want 1:\n%s", got, text)
	}
	return text
}

// text is printed for configurations of which any may have a key, and for speakers at
// the addresses, "" for where the configurations say.
func (n *network) text(b brand, speakers string, configs ...string) string {
	n.t.Helper()
	if err := buildNearcast(); err != nil {
		n.t.Fatal(err)
	}
	text := ownLines[b.name]
	for _, config := range configs {
		file := filepath.Join(n.dir, "printed.yaml")
		fixture.Write(n.t, file, config)
		out, err := exec.Command(filepath.Join(bin, "nearcast"), "bgp", "router-config", strings.ToLower(b.name), "--config", file, "--speakers", speakers).CombinedOutput()
		if err != nil {
			n.t.Fatalf("router-config: %v\n%s", err, out)
		}
		text += placeholder.ReplaceAllString(string(out), theKey)
	}
	return text
}

// theKey is site 1's.
const theKey = "not-to-be-printed"

// load applies the printed text to a running router: to BIRD as a whole, and to FRR through its
// shell, which adds it to what the daemons have.
func load(r router, text string) {
	f, ok := r.(*frr)
	if !ok {
		r.configure(text)
		return
	}
	f.node.t.Helper()
	file := f.file("more.conf")
	fixture.Write(f.node.t, file, text)
	fixture.Write(f.node.t, f.file("vtysh.conf"), "username root nopassword\n")
	vtysh := peers.Find(f.node.t, "vtysh", "frr")
	cmd := vtysh.Command("--config_dir", f.dir, "--vty_socket", f.dir, "-f", file)
	// FRR's libraries have their own directory.
	if libraries, err := vtysh.File("usr/lib/*-linux-gnu/frr"); err == nil {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries+":"+filepath.Dir(libraries))
	}
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "" {
		f.node.t.Errorf("vtysh: %v: %s", err, out)
	}
}

// wantAnnounced waits until the speaker says that it announces the VIP.
func wantAnnounced(s *site, vip string) {
	s.node.t.Helper()
	eventually(s.node.t, vip+" is announced", slack, func() error {
		st, err := s.speaker.glance()
		if err != nil {
			return err
		}
		for _, v := range st.VIPs {
			if v.Address == vip && v.Announced {
				return nil
			}
		}
		return errors.New("it is not")
	})
}
