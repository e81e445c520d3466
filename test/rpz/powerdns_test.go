package rpz_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// sparing are the overrides in the syntax of Nearcast and of PowerDNS Recursor.
var sparing = []struct{ ours, theirs string }{
	{"nxdomain", "defpol=Policy.NXDOMAIN"},
	{"nodata", "defpol=Policy.NODATA"},
	{"drop", "defpol=Policy.Drop"},
	{"tcp-only", "defpol=Policy.Truncate"},
	{"passthru", "defpol=Policy.NoAction"},
	{"cname garden.gd.test", `defpol=Policy.Custom, defcontent="garden.gd.test"`},
}

// redirects are the rules below that redirect.
const redirects = "n3. n4."

// spared returns rules of every action, each with its own name.
func spared(zone int) (rules []rule) {
	for i, data := range []string{"A 10.1.1.1", "AAAA 2001:db8:bad::1", `TXT "ours"`, "CNAME gc.gd.test.", "CNAME *.gd.test.", "CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-drop.", "CNAME rpz-tcp-only."} {
		rules = append(rules, rule{on: qname, name: fmt.Sprintf("n%d.z%d.wc.w.test.", i, zone), data: []string{"60 " + data}})
	}
	return rules
}

// TestLocalDataIsKeptAsByPowerDNS compares with the one peer that has these overrides. It
// also overrides CNAMEs to other names, which are local data
// (draft-vixie-dnsop-dns-rpz-00, 3.6).
func TestLocalDataIsKeptAsByPowerDNS(t *testing.T) {
	recursor := peers.Find(t, "pdns_recursor", "pdns-recursor")
	s := setup{number: 1, recursiveOnly: true, addSOA: true, waitRecurse: true, maxTTL: 5, minDots: 1}
	dir, up, port := t.TempDir(), upstream(t), freePort(t)
	var lua strings.Builder
	for i, o := range sparing {
		z := policyZone{name: fmt.Sprintf("p%d.rpz.", i+1), policy: o.ours + " keep-local-data", rules: spared(i)}
		s.zones = append(s.zones, z)
		fmt.Fprintf(&lua, "rpzFile(%q, {policyName=%q, %s, defpolOverrideLocalData=false})\n", filepath.Join(dir, "1", z.name+"zone"), z.name, o.theirs)
	}
	zoneFiles(t, dir, []setup{s})
	fixture.Write(t, filepath.Join(dir, "rpz.lua"), lua.String())
	fixture.Write(t, filepath.Join(dir, "recursor.conf"), fmt.Sprintf(`local-address=127.0.0.1
local-port=%[2]s
socket-dir=%[1]s
lua-config-file=%[1]s/rpz.lua
forward-zones-recurse=.=127.0.0.1:%[3]s
daemon=no
dnssec=off
disable-packetcache=yes
quiet=yes
`, dir, port, up))
	fixture.Run(t, recursor.Command("--config-dir="+dir))
	mine := ours(t, dir, up, []setup{s})[1]
	query := func(name string, qtype uint16) question {
		return question{name: name, qtype: qtype, rd: true, client: loopback}
	}
	eventually(t, "PowerDNS answers", startTime, func() error {
		return ask(query("h1.w.test.", dns.TypeA), net.JoinHostPort("127.0.0.1", port), silence).err
	})
	var questions []question
	for _, z := range s.zones {
		for _, r := range z.rules {
			questions = append(questions, query(r.name, dns.TypeA), query(r.name, dns.TypeTXT))
		}
	}
	theirs, our := both(questions, fixed(port), fixed(mine), silence)
	kept := 0
	for i, q := range questions {
		first, _, _ := strings.Cut(q.name, "z")
		if alike := theirs[i].outcome() == our[i].outcome(); alike == strings.Contains(redirects, first) {
			t.Errorf("%s: PowerDNS answers\n%s\nNearcast answers\n%s", q, theirs[i].outcome(), our[i].outcome())
		}
		if strings.Contains(our[i].outcome(), "10.1.1.1") {
			kept++
		}
	}
	if kept != len(s.zones) {
		t.Errorf("%d rules kept their address, want %d", kept, len(s.zones))
	}
}
