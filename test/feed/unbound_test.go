package feed

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// unboundConf has no key: Unbound does not sign transfers, so it is allowed by its address.
const unboundConf = `server:
	directory: "%[1]s"
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	verbosity: 2
	interface: 127.0.0.1@%[2]d
	do-not-query-localhost: no
	module-config: "respip iterator"
rpz:
	name: mk._rpz.fn.example.org.
	zonefile: rpz.zone
	primary: 127.0.0.1@%[3]d
	allow-notify: 127.0.0.1
`

func TestUnboundTakesAFeed(t *testing.T) {
	unbound := peers.Find(t, "unbound", "unbound")
	port := fixture.FreePort(t, "127.0.0.1")
	w := newWorld(t, fmt.Sprintf("feed mk to 127.0.0.1 notify 127.0.0.1:%d", port))
	conf := filepath.Join(w.dir, "unbound.conf")
	fixture.Write(t, conf, fmt.Sprintf(unboundConf, w.dir, port, w.port))
	fixture.Run(t, unbound.Command("-d", "-c", conf))
	follows(t, w, func() string { return theirs(port) })
}
