package edge

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// pair is a node and the one with which it is compared.
type pair struct {
	nearcast, whoami *node
	gateways         [clusters]net.Listener
	stages           []stage
}

// newPair makes both, which nobody started yet, and begins to ask them. The test has a network of its own from
// then on.
func newPair(t *testing.T, program string, limit int64) *pair {
	t.Helper()
	netns.Enter(t)
	p := &pair{gateways: openGateways(t)}
	p.nearcast = newNode(t, "nearcast", program, limit)
	p.whoami = newNode(t, "whoami", program, limit)
	federation := filepath.Join(p.nearcast.dir, "federation")
	if err := os.Mkdir(federation, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFederation(t, federation)
	loads := newLoads(t, addresses["nearcast"], addresses["whoami"])
	p.nearcast.load, p.whoami.load = loads[0], loads[1]
	return p
}

// up starts both, one after the other, and returns how long Nearcast took to answer.
func (p *pair) up(t *testing.T) time.Duration {
	t.Helper()
	took := p.nearcast.up(t)
	p.whoami.up(t)
	return took
}

// both are what became of the two at the same time.
type both struct{ nearcast, whoami stage }

func (b both) String() string {
	return fmt.Sprintf("nearcast %v; whoami %v", b.nearcast.latencies, b.whoami.latencies)
}

// observe does something, and records what becomes of both from then on.
func (p *pair) observe(t *testing.T, name string, lasting time.Duration, do func()) both {
	t.Helper()
	nearcast, whoami := p.nearcast.observe(t), p.whoami.observe(t)
	do()
	b := both{nearcast.end(t, name, lasting), whoami.end(t, name, lasting)}
	p.stages = append(p.stages, b.nearcast, b.whoami)
	return b
}
