package feed

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// PowerDNS Recursor ignores NOTIFY for a policy zone, and queries its serial each second.
// Its packet cache keeps answers from before a policy change.
const (
	powerDNSConf = `local-address=127.0.0.1
local-port=%[2]d
socket-dir=%[1]s
lua-config-file=%[1]s/rpz.lua
daemon=no
dnssec=off
disable-packetcache=yes
quiet=yes
`
	powerDNSRPZ = `rpzPrimary("127.0.0.1:%[1]d", "mk._rpz.fn.example.org", {tsigname="carrier", tsigalgo="hmac-sha256", tsigsecret="%[2]s", refresh=1})
`
)

func TestPowerDNSTakesAFeed(t *testing.T) {
	recursor := peers.Find(t, "pdns_recursor", "pdns-recursor")
	port := fixture.FreePort(t, "127.0.0.1")
	w := newWorld(t, "feed mk to 127.0.0.0/8 key carrier")
	fixture.Write(t, filepath.Join(w.dir, "recursor.conf"), fmt.Sprintf(powerDNSConf, w.dir, port))
	fixture.Write(t, filepath.Join(w.dir, "rpz.lua"), fmt.Sprintf(powerDNSRPZ, w.port, secret))
	fixture.Run(t, recursor.Command("--config-dir="+w.dir))
	follows(t, w, func() string { return theirs(port) })
}
