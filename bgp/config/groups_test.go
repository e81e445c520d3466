package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const grouped = `asn: 64512
routerID: 192.0.2.11
groups:
  tor: {asn: 65000.1, holdTime: 3s, gtsm: true, bfd: true, families: [ipv4, ipv6], nextHop: "2001:db8::11", port: 1790}
  far:
    asn: 64501
    multihop: 3
peers:
  - {address: 192.0.2.1, group: tor}
  - {address: 192.0.2.2, group: tor, asn: 64502, holdTime: 30s}
  - {address: 192.0.2.3, group: tor, gtsm: false, bfd: false, families: [], nextHop: , port: 0}
  - {address: 203.0.113.1, group: far, multihop: 5}
  - {address: 203.0.113.2, asn: 64502}
vips:
  - address: 198.51.100.53
    checks: [{tcp: {address: "127.0.0.1:53"}}]
`

// TestAPeerInheritsMissingKeysFromItsGroup covers every key, and that a key of the peer wins with
// an empty value too.
func TestAPeerInheritsMissingKeysFromItsGroup(t *testing.T) {
	c, err := Parse([]byte(grouped))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"tor 4259840001 3s true true [ipv4 ipv6] 1790 0",
		"tor 64502 30s true true [ipv4 ipv6] 1790 0",
		"tor 4259840001 3s false false [ipv4] 179 0",
		"far 64501 9s false false [ipv4] 179 5",
		" 64502 9s false false [ipv4] 179 0",
	} {
		p := c.Peers[i]
		if got := fmt.Sprint(p.Group, " ", p.ASN, p.HoldTime, p.GTSM, p.BFD, p.Families, p.Port, p.Multihop); got != want {
			t.Errorf("peers[%d]: got %s, want %s", i, got, want)
		}
	}
	if c.Peers[0].BFDInterval != 300*time.Millisecond || c.Peers[2].NextHop.IsValid() {
		t.Errorf("%+v", c.Peers)
	}
}

// TestYAMLMergeKeysStillWork checks that YAML's own means goes on to work, for peers and for
// groups, and that what it gives to a peer is the peer's own.
func TestYAMLMergeKeysStillWork(t *testing.T) {
	c, err := Parse([]byte(`asn: 64512
routerID: 192.0.2.11
groups:
  tor: &tor {asn: 64500, holdTime: 3s}
  leaf: {<<: *tor, holdTime: 6s, port: 1790}
  both: {<<: [{asn: 65000.2}, *tor]}
peers:
  - &first {address: 192.0.2.1, asn: 64501, port: 1791, group: leaf}
  - {<<: *first, address: 192.0.2.2}
  - {address: 192.0.2.3, group: both}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"64501 6s 1791", "64501 6s 1791", "4259840002 3s 179"} {
		if p := c.Peers[i]; fmt.Sprint(p.ASN, p.HoldTime, p.Port) != want {
			t.Errorf("peers[%d]: got %d %s %d, want %s", i, p.ASN, p.HoldTime, p.Port, want)
		}
	}
}

// TestAFaultOfAGroupIsReportedOnceAtItsLine checks that fifty peers do not repeat it.
func TestAFaultOfAGroupIsReportedOnceAtItsLine(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"holdTime: 3s", "holdTime: 1s", "line 4: groups.tor.holdTime: 1s is not whole seconds from 3s to 65535s (in peers[0] and 1 more)"},
		{"holdTime: 3s", "holdtime: 3s", "line 4: groups.tor.holdtime: unknown key; did you mean holdTime?"},
		{"port: 1790}", "port: 17.9}", "line 4: groups.tor.port: 17.9 is not a whole number in decimal digits"},
		{"asn: 65000.1", "asn: 23456", "line 4: groups.tor.asn: 23456 is AS_TRANS, a placeholder for 32-bit AS numbers (RFC 6793); write the actual AS number (in peers[0] and 1 more)"},
		{"asn: 64501\n", "asn: 64512\n", "line 12: peers[3].multihop: is for eBGP; iBGP sessions are multihop without it"},
		{"multihop: 5", "gtsm: true", "line 12: peers[3].gtsm: cannot be combined with multihop: GTSM requires the neighbor on the link"},
		{"group: tor, asn: 64502, holdTime: 30s", "group: tor, multihop: 3", "line 4: groups.tor.gtsm: cannot be combined with multihop: GTSM requires the neighbor on the link (in peers[1])\nline 4: groups.tor.bfd: cannot be combined with multihop: only single-hop BFD is supported (in peers[1])"},
		{"families: [ipv4, ipv6]", "families: [ipv4, ipv7]", `line 4: groups.tor.families: "ipv7" is neither ipv4 nor ipv6 (in peers[0] and 1 more)` + "\n" + `line 4: groups.tor.nextHop: is for ipv6 routes, but families does not contain ipv6 (in peers[0] and 1 more)`},
		{"group: far", "group: fra", `line 12: peers[3].group: "fra" is not in groups, which has far, tor`},
		{"groups:\n", "groups: {}\nx:\n", "x: unknown key"},
		{"  far:\n", "  192.0.2.1:\n", `line 5: groups.192.0.2.1: "192.0.2.1" is not a valid name`},
		{"  far:\n", "  ~:\n", "line 5: groups: has a key without a name"},
		{"  far:\n", "  tor:\n", `line 5: mapping key "tor" already defined at line 4`},
		{"    multihop: 3\n", "    interface: eth1\n    group: tor\n    address: 192.0.2.7\n", "line 7: groups.far.interface: cannot be set for a group; set it in peers\nline 8: groups.far.group: cannot be set for a group; set it in peers\nline 9: groups.far.address: cannot be set for a group; set it in peers"},
		{"{address: 203.0.113.2, asn: 64502}", "{interface: far, asn: 64502}", "line 5: groups.far: peers[4] has this name; choose another for the group"},
		{"{address: 203.0.113.2, asn: 64502}", "", "peers[4]: is empty; remove it"},
	} {
		text := strings.Replace(grouped, c.old, c.new, 1)
		if text == grouped {
			t.Errorf("the text does not contain %s: the case tests nothing", c.old)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(c.want, "\n") > 0 && err.Error() != c.want {
			t.Errorf("%s:\n%v\nwant\n%s", c.new, err, c.want)
		}
	}
}

// TestAMissingPasswordOfAGroupIsReportedAtTheGroup covers what is read after the file.
func TestAMissingPasswordOfAGroupIsReportedAtTheGroup(t *testing.T) {
	_, found := parse([]byte(strings.Replace(grouped, "holdTime: 3s", "passwordFile: /nowhere/key", 1)))
	for i := range 3 {
		found.add(fmt.Sprintf("peers[%d].passwordFile", i), "no such file")
	}
	if got := found.err().Error(); got != "line 4: groups.tor.passwordFile: no such file (in peers[0] and 2 more)" {
		t.Error(got)
	}
}

func TestAGroupWithoutAPeerGivesAWarning(t *testing.T) {
	text := strings.Replace(grouped, "  far:\n", "  spare: {asn: 64509}\n  far:\n", 1)
	if got := warningsOf(t, text); got != "line 5: groups.spare: has no effect: no peer has group: spare" {
		t.Error(got)
	}
	if got := warningsOf(t, grouped); got != "" {
		t.Error(got)
	}
}

// TestRenamingAGroupResetsNoSession checks that moving settings into a group, or calling it
// otherwise, resets nobody.
func TestRenamingAGroupResetsNoSession(t *testing.T) {
	before, err := Parse([]byte(grouped))
	if err != nil {
		t.Fatal(err)
	}
	after, err := Parse([]byte(strings.NewReplacer("  far:\n", "  wide:\n", "group: far, multihop: 5", "asn: 64501, multihop: 5", "group: tor", "group: tor, holdTime: 3s").Replace(
		strings.Replace(grouped, ", asn: 64502, holdTime: 30s", "", 1))))
	if err != nil {
		t.Fatal(err)
	}
	if changed := slices.Collect(func(yield func(int) bool) {
		for i := range before.Peers {
			if !before.Peers[i].Equal(&after.Peers[i]) && !yield(i) {
				return
			}
		}
	}); !slices.Equal(changed, []int{1}) {
		t.Errorf("got sessions %v reset, want only that of 1", changed)
	}
}

// TestSpeakersThatShareAFileCanHaveGroups checks that a group may have what is each speaker's own.
func TestSpeakersThatShareAFileCanHaveGroups(t *testing.T) {
	text := strings.NewReplacer("routerID: 192.0.2.11", "routerID: ${TEST_UNSET}", "holdTime: 3s", "localAddress: \"${TEST_UNSET}\"").Replace(grouped)
	c, err := ParseShared([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.Peers[0].LocalAddress.IsValid() || c.RouterID.IsValid() {
		t.Errorf("%v, %v", c.Peers[0].LocalAddress, c.RouterID)
	}
}

// TestManyPeersOfOneGroupAreReadQuickly bounds what ten thousand cost.
func TestManyPeersOfOneGroupAreReadQuickly(t *testing.T) {
	text := &strings.Builder{}
	text.WriteString("asn: 64512\nrouterID: 192.0.2.11\ngroups:\n  tor: {asn: 64500, holdTime: 1s}\n")
	const many = 10_000
	for i := range many {
		fmt.Fprintf(text, "  g%d: {asn: 64500}\n", i)
	}
	text.WriteString("peers:\n")
	for i := range many {
		fmt.Fprintf(text, "  - {address: 10.0.%d.%d, group: tor}\n", i/250, i%250+1)
	}
	start := time.Now()
	_, err := Parse([]byte(text.String()))
	if want := fmt.Sprintf("line 4: groups.tor.holdTime: 1s is not whole seconds from 3s to 65535s (in peers[0] and %d more)", many-1); err == nil || err.Error() != want {
		t.Errorf("got %.300v, want %s", err, want)
	}
	t.Logf("reading %d peers and groups took %s", many, time.Since(start))
	_, err = Parse([]byte(strings.Replace(text.String(), "group: tor", "group: tro", 1)))
	if want := `line 10006: peers[0].group: "tro" is not in groups, which has g0, g1, g10, g100, g1000, g1001, g1002, g1003 and 9993 more`; err == nil || err.Error() != want {
		t.Errorf("got %.300v, want %s", err, want)
	}
}

// TestAnASOfExternalIsResolvedByTheSession covers a peer's own key, for a group's, for one of them over the
// other, and for merged and quoted ones.
func TestAnASOfExternalIsResolvedByTheSession(t *testing.T) {
	c, err := Parse([]byte(`asn: 64512
routerID: 192.0.2.11
groups:
  tor: {asn: external}
  far: {asn: 64500}
peers:
  - {address: 192.0.2.1, asn: external}
  - {address: 192.0.2.2, asn: "external"}
  - {address: 192.0.2.3, group: tor}
  - {address: 192.0.2.4, group: tor, asn: 64501}
  - {address: 192.0.2.5, group: far, asn: 'external'}
  - &six {address: 192.0.2.6, asn: external}
  - {<<: *six, address: 192.0.2.7}
  - {<<: *six, address: 192.0.2.8, asn: 64502}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"any external AS", "any external AS", "any external AS", "AS 64501", "any external AS", "any external AS", "any external AS", "AS 64502"} {
		if got := c.Peers[i].AS(); got != want {
			t.Errorf("peers[%d]: got %s, want %s", i, got, want)
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{"asn: 64512\n", "asn: external\n", `line 1: asn: "external" is not an AS number`},
		{"asn: 65000.1", "asn: extern", `line 4: groups.tor.asn: "extern" is not an AS number: write 64512, 65000.1 in asdot notation, or external`},
		{"asn: 65000.1", "asn: 0", "line 4: groups.tor.asn: is required; 0 is reserved (RFC 7607)"},
		{"asn: 64501\n", "asn: external\n", "line 12: peers[3].multihop: requires the router's AS number in asn"},
	} {
		if _, err := Parse([]byte(strings.Replace(grouped, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.new, err, c.want)
		}
	}
}
