package feed

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// knotConf reads the policy zone from a file, which Knot Resolver watches: it does not
// transfer zones itself.
const knotConf = `net.listen('127.0.0.1', %[2]d, { kind = 'dns' })
modules.load('policy')
cache.size = 10 * MB
policy.add(policy.rpz(policy.DENY, '%[1]s/rpz.zone', true))
`

func TestKnotResolverTakesAFeed(t *testing.T) {
	kresd := peers.Find(t, "kresd", "knot-resolver")
	kdig := peers.Find(t, "kdig", "knot-dnsutils")
	port := fixture.FreePort(t, "127.0.0.1")
	w := newWorld(t, "feed mk key carrier")
	take := func() error {
		cmd := kdig.Command("@127.0.0.1", "-p", fmt.Sprint(w.port), "-y", "hmac-sha256:carrier:"+secret, "+noall", "+answer", "mk._rpz.fn.example.org.", "AXFR")
		out, err := cmd.Output()
		if err == nil && len(out) > 0 {
			fixture.Write(t, filepath.Join(w.dir, "rpz.zone"), string(out))
		}
		return err
	}
	eventually(t, "kdig transfers the zone", 10*time.Second, "ok", func() string {
		if err := take(); err != nil {
			return err.Error()
		}
		return "ok"
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // like the timer of a carrier
		defer close(done)
		for ctx.Err() == nil {
			_ = take() // the server may be down
			time.Sleep(300 * time.Millisecond)
		}
	}()
	defer func() {
		stop()
		<-done
	}()
	fixture.Write(t, filepath.Join(w.dir, "kresd.conf"), fmt.Sprintf(knotConf, w.dir, port))
	fixture.Run(t, knotCommand(t, kresd, w.dir))
	follows(t, w, func() string { return theirs(port) })
}

// knotCommand runs kresd with the libraries of its package: it looks for them at absolute
// paths, but is not installed.
func knotCommand(t *testing.T, kresd peers.Program, dir string) *exec.Cmd {
	t.Helper()
	cmd, err := kresd.Overlaid([]string{peers.Library(t, "lua-cqueues")}, "-n", "-c", filepath.Join(dir, "kresd.conf"), dir)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return cmd
}
