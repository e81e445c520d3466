package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// nodeVariable is the variable for each speaker's address in a shared configuration.
const nodeVariable = "${NEARCAST_TEST_NODE}"

// reapplied are kinds of sessions: the peer, and how many sites have the file.
var reapplied = []struct {
	name, peer string
	asn, sites int
	speakers   string
}{
	{"plain", "address: 192.0.2.1", 64511, 1, ""},
	{"multihop", "address: 192.0.2.1, multihop: 3", 64511, 1, ""},
	{"gtsm and both families", "address: 192.0.2.1, gtsm: true, families: [ipv4, ipv6], nextHop: \"2001:db8::11\"", 64511, 1, ""},
	{"key", "address: 192.0.2.1, passwordFile: KEY", 64511, 1, ""},
	{"iBGP", "address: 192.0.2.1, gtsm: true", routerASN, 1, ""},
	{"link-local", "address: \"fe80::1%eth0\", localAddress: \"" + linkLocalSite + "%eth0\", families: [ipv4, ipv6]", 64511, 1, ""},
	{"shared", "address: 192.0.2.1, localAddress: \"" + nodeVariable + "\"", 64511, 2, ""},
	{"named with BFD", "address: 192.0.2.1, bfd: true, bfdInterval: 1s, bfdMultiplier: 10", 64511, 2, "192.0.2.11,192.0.2.12"},
	{"shared with key", "address: 192.0.2.1, passwordFile: KEY", 64511, 2, ""},
}

// linkLocalSite is that of site 1 where the session has no other.
const linkLocalSite = "fe80::11"

// TestRouterConfigCanBeAppliedAgain applies the same text to a running router again,
// and then one with another VIP: the router reports no error, no session is reset and no route
// is missing meanwhile.
func TestRouterConfigCanBeAppliedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it takes too long")
	}
	for _, b := range brands {
		for _, kind := range reapplied {
			t.Run(b.name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				l, r := newLAN(t)
				r.address("eth0", "fe80::1/64")
				key := filepath.Join(l.dir, "key")
				fixture.Write(t, key, theKey+"\n")
				text := fmt.Sprintf("asn: %d\nrouterID: %s\n%s\npeers:\n  - {asn: %d, %s}\nvips:\n  - {address: %s, checks: [%s]}\n",
					kind.asn, nodeVariable, noDwell, routerASN, strings.ReplaceAll(kind.peer, "KEY", key), vip4, patientCheck)
				own := text
				if kind.sites == 1 {
					own = strings.ReplaceAll(text, nodeVariable, siteAddresses(1).v4)
				}
				router := b.start(r, l.text(b, kind.speakers, own))
				watched := watch(r, prefix(vip4))
				var hops []string
				start := time.Now()
				for i := 1; i <= kind.sites; i++ {
					s := l.site(i, strings.ReplaceAll(text, nodeVariable, siteAddresses(i).v4))
					hop := s.v4
					if strings.Contains(kind.peer, linkLocalSite) {
						hop = linkLocalSite
						s.node.address("eth0", hop+"/64")
					}
					hops = append(hops, hop)
				}
				watched.becomes(start, comeback, hops...)
				if strings.Contains(kind.peer, "bfd: true") {
					for i := range hops {
						waitForBFD(t, router, siteAddresses(i+1))
					}
					time.Sleep(prompt) // FRR's sessions are reset once, as the man page states
					watched.becomes(time.Now(), comeback, hops...)
				}
				var before []routerSession
				for _, hop := range hops {
					before = append(before, established(r, router, hop))
				}

				start = time.Now()
				load(router, l.text(b, kind.speakers, own))
				load(router, l.text(b, kind.speakers, own+fmt.Sprintf("  - {address: %s, checks: [%s]}\n", later, patientCheck)))
				time.Sleep(prompt + routeMapDelay)
				if changes := watched.since(start); len(changes) != 1 { // the first is the state at the start
					t.Errorf("the route to %s changed with the router's configuration: %v", vip4, changes)
				}
				for i, hop := range hops {
					if after := established(r, router, hop); !after.same(before[i]) {
						t.Errorf("the session with %s changed: got %+v, was %+v", hop, after, before[i])
					}
				}
			})
		}
	}
}

// routeMapDelay is how long FRR waits before it looks at routes again for a changed
// route map.
const routeMapDelay = 5 * time.Second

// patientCheck passes on a busy machine too: the test is about the router.
const patientCheck = `{dns: {server: "198.51.100.53:53", name: fn.example.org}, rise: 2, fall: 10, interval: 200ms, timeout: 5s}`
