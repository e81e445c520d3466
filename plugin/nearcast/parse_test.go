package nearcast

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestBadBlocksNameTheirLine(t *testing.T) {
	dir := federated(t, hello)
	// The block is on the second line, and its body starts on the third.
	const head = "cluster mk-core\nmanifests DIR/manifests\n"
	for _, c := range []struct{ body, want string }{
		{head + "ttl 5 30 {\nprobe rise 2\n}", `Corefile:5 - Error during parsing: ttl: unexpected "{" after it: it has no settings in braces`},
		{head + "ttl 5 30\n{\n}", "Corefile:6 - Error during parsing: unexpected {"},
		{head + "tenant blue{ 10.0.0.0/8", `Corefile:5 - Error during parsing: "blue{": a space is missing before the {`},
		{head + "horizon vpn ::ffff:10.0.0.0/104", "Corefile:5 - Error during parsing: horizon: ::ffff:10.0.0.0/104 stands for IPv4 addresses; write it as IPv4, 10.0.0.0/8"},
		{head + "claim demo fn.example.org addresses ::ffff:192.0.2.0/120", "claim: ::ffff:192.0.2.0/120 stands for IPv4 addresses"},
		{head + "ecs ::ffff:192.0.2.1", "ecs: ::ffff:192.0.2.1/128 stands for IPv4 addresses; write it as IPv4, 192.0.2.1/32"},
		{head + "tenant blue ::ffff:192.0.2.0/120", "tenant: ::ffff:192.0.2.0/120 stands for IPv4 addresses"},
		{head + "feed de to ::ffff:192.0.2.0/120", "feed: to: ::ffff:192.0.2.0/120 stands for IPv4 addresses"},
		{head + "ns ns1.fn.example.org fe80::1%lo", `ns: "fe80::1%lo" is not an IP address`},
		{head + "ns \u212as1.fn.example.org 192.0.2.1", `ns: "\u212as1.fn.example.org" is not a hostname: write non-ASCII labels`},
		{head + "locatons DIR/locations.csv", `Corefile:5 - Error during parsing: unknown key "locatons"; did you mean locations?`},
		{head + "nearest", `Corefile:5 - Error during parsing: unknown key "nearest"; known keys: admin,`},
		{"cluster mk-core", "Corefile:2: no source"},
		{"manifests DIR/manifests\ncluster", "Corefile:4 - Error during parsing: cluster: takes one argument"},
		{head + "cluster us-azure", "Corefile:5 - Error during parsing: cluster: already set on line 3"},
		{head + "at mk", "Corefile:5 - Error during parsing: at: already set on line 3"},
		{"at mk/ 1,2\nmanifests DIR/manifests", "Corefile:3 - Error during parsing: at:"},
		{"at mk 91,2\nmanifests DIR/manifests", "Corefile:3 - Error during parsing: at:"},
		{"cluster mk-core\nmanifests DIR/nowhere", "Corefile:4 - Error during parsing: manifests:"},
		{"cluster mk-core\nmanifests DIR/locations.csv", "Corefile:4 - Error during parsing: manifests: DIR/locations.csv is not a directory"},
		{"cluster mk-core\nkarmada DIR/nowhere", "Corefile:4 - Error during parsing: karmada:"},
		{head + "karmada DIR/locations.csv", "Corefile:5 - Error during parsing: karmada: already set on line 4"},
		{head + "locations DIR/nowhere", "Corefile:5 - Error during parsing: locations:"},
		{head + "ecs", "Corefile:5 - Error during parsing: ecs:"},
		{head + "ecs maybe", `ecs: "maybe" is neither a prefix nor an address`},
		{head + "ecs 10.0.0.1/8", "did you mean 10.0.0.0/8?"},
		{head + "horizon vpn", "horizon: takes NAME CIDR"},
		{head + "horizon vpn 10.0.0.0/8\nhorizon lan 10.0.0.0/8", "is in two horizons, vpn and lan"},
		{head + "horizon vpn 10.0.0.0/8\nhorizon vpn 11.0.0.0/8", "Corefile:6 - Error during parsing: horizon: vpn is declared twice"},
		{head + manyHorizons(21), "Corefile:25 - Error during parsing: horizon: h20: more than 20 horizons"},
		{head + "tenant blue", "tenant: takes NAMESPACE CIDR"},
		{head + "family both", `family: "both" is not linked or independent`},
		{head + "load 80 90", `load: "80" is not a share such as 80%`},
		{head + "load 90% 80%", "load: FROM 90% must be less than TO 80%"},
		{head + "geoip DIR/nowhere", "Corefile:5 - Error during parsing: geoip:"},
		{head + "snapshot DIR/locations.csv", "snapshot: DIR/locations.csv is not a directory"},
		{head + "probe cert DIR/locations.csv", "probe: cert and key must be set together"},
		{head + "policy cheapest budget", "policy: policy cheapest: budget takes D"},
		{head + "claim demo", "claim: takes NAMESPACE NAME"},
		{head + "claim demo fn.example.org addresses", "claim: addresses: takes CIDR…"},
		{head + "claim demo *.fn.example.org", "a wildcard is not allowed here"},
		{head + "claim demo fn.example.org ports", "claim: ports: takes PORT…"},
		{head + "claim demo fn.example.org ports 80 443-80", `claim: "443-80" is not a port from 1 to 65535`},
		{head + "claim demo fn.example.org ports 80 addresses 192.0.2.0/24", `claim: "addresses" is not a port`},
		{head + "policy nearst", `policy: unknown policy "nearst"; known policies: anycast, cheapest, failover, fastest, nearest, spread, weighted`},
		{head + "probe interval", "probe: takes pairs"},
		{head + "probe interval 5", `probe: "5" is not a positive duration such as 5s`},
		{head + "probe rise 0", `probe: "0" is not a number from 1`},
		{head + "probe often 3", `probe: unknown option "often"`},
		{head + "ttl 30", "ttl: takes LEAST MOST [ZONE]"},
		{head + "ttl 5 30 0", `ttl: "0" is not ZONE in seconds`},
		{head + "ttl 30 5", "ttl:"},
		{head + "ttl 0 0", "ttl:"},
		{head + "ns ns1.fn.example.org 1.2.3", `ns: "1.2.3" is not an IP address`},
		{head + "ns bad_..name", "ns:"},
		{head + "hostmaster @x.org", "hostmaster:"},
		{head + "stale soon", "stale:"},
		{head + "feed", "Corefile:5 - Error during parsing: feed: takes REGION"},
		{head + "feed de", "Corefile:5 - Error during parsing: feed: to or key is required"},
		{head + "feed de/ to 10.0.0.0/8", `feed: "de/" is not REGION[/ZONE] or all`},
		{head + "feed all/z to 10.0.0.0/8", `feed: "all/z" is not REGION[/ZONE] or all`},
		{head + "feed de tenant to 10.0.0.0/8", "feed: tenant: takes one argument, a namespace"},
		{head + "feed de to", "feed: to: takes CIDR"},
		{head + "feed de to 10.0.0.1/8", "feed: to: 10.0.0.1/8 has bits set"},
		{head + "feed de to 10.0.0.0/8 to 11.0.0.0/8", `feed: "to" is not an option, or is given twice; known options: tenant, to, notify, key`},
		{head + "feed de for 10.0.0.0/8", `feed: "for" is not an option`},
		{head + "feed de key a notify 192.0.2.1:0", `feed: notify: "192.0.2.1:0" is not ADDR or ADDR:PORT`},
		{head + "feed de key a notify", "feed: notify: takes ADDR"},
		{head + "feed de key a hmac-md5.sig-alg.reg.int", `feed: key: "hmac-md5.sig-alg.reg.int" is not one of hmac-sha224. hmac-sha256.`},
		{head + "feed de key a b c", "feed: key: takes NAME [ALGORITHM]"},
		{head + "snapshot DIR/locations.csv/state/kept", "snapshot: DIR/locations.csv is not a directory"},
		{head + "admin DIR/locations.csv/run/admin.sock", "admin: DIR/locations.csv is not a directory"},
		{head + "admin DIR", "admin: DIR exists and is not a socket; use another path"},
		{head + "admin DIR/locations.csv", "admin: DIR/locations.csv exists and is not a socket"},
		{head + "admin " + strings.Repeat("x", 120), "admin:"},
		{"manifests DIR/manifests", "cluster or at is required"},
	} {
		corefile := strings.ReplaceAll(". {\nnearcast fn.example.org {\n"+c.body+"\n}\n}", "DIR", dir)
		_, err := coredns.Start(corefile)
		if err == nil {
			t.Errorf("%q started", c.body)
			continue
		}
		if want := strings.ReplaceAll(c.want, "DIR", dir); !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v\nwant %q", c.body, err, want)
		}
		if !strings.Contains(err.Error(), "plugin/nearcast: ") {
			t.Errorf("%q: %v does not name the plugin", c.body, err)
		}
	}
}

func TestCheckFindsEveryFaultThatStartingFinds(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "Corefile")
	write := func(corefile string) {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(corefile, "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(atMkCore)
	if configs, faults, warnings := Check(path); len(configs) != 1 || len(faults)+len(warnings) > 0 {
		t.Errorf("a valid Corefile: %d states, %v, %v", len(configs), faults, warnings)
	}
	write(strings.ReplaceAll(atMkCore, "cluster", "clutser") + "\nb.example.org {\n loadbalance\n nearcast {\n cluster x\n ns ns.b.example.org 192.0.2.1\n ns ns.b.example.net\n manifests DIR/manifests\n }\n}")
	_, faults, warnings := Check(path)
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), ":4") || !strings.Contains(faults[0].Error(), "clutser") {
		t.Errorf("faults: %v, want the typo on line 4", faults)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "loadbalance") {
		t.Errorf("warnings: %v, want one about loadbalance", warnings)
	}
}

func TestADefaultNameThatIsTooLongIsRefused(t *testing.T) {
	dir := federated(t, hello)
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5) // with ns.dns. it has 257 octets, with the final dot 251
	for _, c := range []struct{ keys, want string }{
		{"", "ns.dns." + long + " is longer than the 255 octets of a domain name: add `ns NAME` with a shorter one"},
		{"ns ns.example.org", "hostmaster." + long + " is longer than"},
		{"ns ns.example.org\nhostmaster me@example.org", ""},
	} {
		path := filepath.Join(dir, "Corefile")
		fixture.Write(t, path, long+" {\nnearcast {\ncluster mk-core\nmanifests "+dir+"/manifests\n"+c.keys+"\n}\n}")
		_, faults, _ := Check(path)
		if got := fmt.Sprint(faults); c.want == "" && len(faults) > 0 || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %q", c.keys, got, c.want)
		}
	}
}

func TestANameServerOfAZoneHasAnAddress(t *testing.T) {
	dir := federated(t, hello)
	path := filepath.Join(dir, "Corefile")
	fixture.Write(t, path, "fn.example.org {\nnearcast {\ncluster mk-core\nmanifests "+dir+"/manifests\nns a.fn.example.org\nns b.fn.example.org 192.0.2.1\nns c.example.org\n}\n}")
	_, _, warnings := Check(path)
	want := "[" + path + ":5: ns: a.fn.example.org. is in the zone fn.example.org. and has no address, so nobody can reach it: add ADDR]"
	if got := fmt.Sprint(warnings); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestStartingCreatesTheDirectoriesThatItWritesTo has no directories for snapshots and
// sockets, as on a new machine.
func TestStartingCreatesTheDirectoriesThatItWritesTo(t *testing.T) {
	dir := federated(t, hello)
	corefile := strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\tsnapshot DIR/state/kept\n\t\tadmin DIR/run/admin.sock\n\t\tspeaker DIR/later/bgp.sock", 1)
	path := filepath.Join(dir, "Corefile")
	fixture.Write(t, path, strings.ReplaceAll(corefile, "DIR", dir))
	if _, faults, _ := Check(path); len(faults) > 0 {
		t.Error(faults)
	}
	for _, folder := range []string{"state", "run"} {
		if _, err := os.Stat(filepath.Join(dir, folder)); err == nil {
			t.Errorf("checking created %s", folder)
		}
	}
	serve(t, corefile, dir)
	for _, folder := range []string{"state", "state/kept", "run"} {
		if info, err := os.Stat(filepath.Join(dir, folder)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "later")); err == nil {
		t.Error("the directory of another program's socket was created")
	}
}

func TestADirectoryThatCannotBeCreatedIsNamedWithItsLine(t *testing.T) {
	dir := federated(t, hello)
	if err := os.Symlink("nowhere", filepath.Join(dir, "lost")); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"snapshot DIR/lost/x":       "plugin/nearcast: Corefile:5: snapshot: cannot create the directory DIR/lost/x: ",
		"admin DIR/lost/admin.sock": "admin: cannot create the directory DIR/lost: ",
	} {
		instance, err := coredns.Start(strings.ReplaceAll(strings.Replace(atMkCore, "cluster mk-core", "cluster mk-core\n\t\t"+key, 1), "DIR", dir))
		if err == nil {
			_ = instance.Stop()
		}
		if want = strings.ReplaceAll(want, "DIR", dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", key, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("nearcast fn.example.org {\n cluster a\n manifests .\n ttl 5 30\n probe rise 2\n horizon v 10.0.0.0/8\n}")
	f.Add("nearcast {\n at mk/x 1,2\n ns a.b 1.2.3.4\n claim d n addresses ::/0 ports 80 1-2\n hostmaster a@b\n}")
	f.Fuzz(func(_ *testing.T, block string) {
		c := caddy.NewTestController("dns", block)
		c.ServerBlockKeys = []string{"dns://example.org.:53"}
		_, _ = parse(c) // must not panic
	})
}

// manyHorizons declares n horizons, one per line.
func manyHorizons(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "horizon h%d 10.%d.0.0/16\n", i, i)
	}
	return strings.TrimSpace(lines.String())
}
