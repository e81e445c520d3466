package feed

import (
	"fmt"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// bindConf has the two zones of a region as a secondary. min-update-interval is a minute
// by default, during which BIND would delay a change.
const bindConf = `options {
	directory "%[1]s";
	listen-on port %[2]d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion yes;
	dnssec-validation no;
	notify no;
	response-policy { zone "mk._rpz.fn.example.org" min-update-interval 0; } qname-wait-recurse no;
};
controls { };
key "carrier" { algorithm hmac-sha256; secret "%[3]s"; };
zone "mk._rpz.fn.example.org" {
	type secondary;
	primaries { 127.0.0.1 port %[4]d key carrier; };
	file "rpz.db";
	masterfile-format text;
	allow-notify { key carrier; };
};
`

func TestBINDTakesAFeed(t *testing.T) {
	named := peers.Find(t, "named", "bind9")
	port := fixture.FreePort(t, "127.0.0.1")
	w := newWorld(t, fmt.Sprintf("feed mk notify 127.0.0.1:%d key carrier", port))
	conf := filepath.Join(w.dir, "named.conf")
	fixture.Write(t, conf, fmt.Sprintf(bindConf, w.dir, port, secret, w.port))
	log := fixture.Run(t, named.Command("-g", "-c", conf))
	follows(t, w, func() string { return theirs(port) })
	// Four SOAs, the address removed and the address added.
	difference := regexp.MustCompile(`Transfer completed: 1 messages, 6 records, (\d+) bytes`)
	var differences [][]string
	// BIND answers from a transfer before it logs the transfer.
	eventually(t, "BIND logs all differences, and one whole zone", 5*time.Second, "true, 1", func() string {
		differences = difference.FindAllStringSubmatch(log.String(), -1)
		return fmt.Sprintf("%t, %d", len(differences) >= 3, log.Count("Transfer completed")-len(differences))
	})
	t.Logf("differences of %s octets", differences[0][1])
}

// plainConf has the zone itself, as mk sees it.
const plainConf = `options {
	directory "%[1]s";
	listen-on port %[2]d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	notify no;
};
controls { };
key "carrier" { algorithm hmac-sha256; secret "%[3]s"; };
zone "fn.example.org" {
	type secondary;
	primaries { 127.0.0.1 port %[4]d key carrier; };
	file "plain.db";
	masterfile-format text;
	allow-notify { key carrier; };
};
`

func TestBINDServesTheZoneAsARegionSeesIt(t *testing.T) {
	named := peers.Find(t, "named", "bind9")
	port := fixture.FreePort(t, "127.0.0.1")
	w := newWorld(t, fmt.Sprintf("feed mk notify 127.0.0.1:%d key carrier", port))
	conf := filepath.Join(w.dir, "named.conf")
	fixture.Write(t, conf, fmt.Sprintf(plainConf, w.dir, port, secret, w.port))
	fixture.Run(t, named.Command("-g", "-c", conf))
	follows(t, w, func() string { return theirs(port) })
}

// bound is the time in which a resolver must follow the answer of Nearcast.
const bound = 2 * time.Second

// follows holds that a resolver answers like Nearcast, follows a failover, and survives a
// restart of Nearcast.
func follows(t *testing.T, w *world, theirs func() string) {
	t.Helper()
	eventually(t, "the resolver answers the nearest", 20*time.Second, near, theirs)
	failover := func(what, from, to string) {
		t.Helper()
		w.fail(from)
		ours := eventually(t, "Nearcast follows "+what, 5*time.Second, to, w.ours)
		if took := eventually(t, "the resolver follows", bound, to, theirs); took > bound {
			t.Errorf("%s: %s after Nearcast's %s", what, took, ours)
		}
	}
	failover("a failover", near, far)
	w.heal(near)
	eventually(t, "the failback", 5*time.Second, near, theirs)
	w.kill()
	eventually(t, "it keeps its answer without Nearcast", bound, near, theirs)
	w.start()
	eventually(t, "Nearcast is back", 10*time.Second, near, w.ours)
	failover("a failover after the restart", near, far)
}
