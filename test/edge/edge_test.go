// Package edge holds that a resolver keeps its promises on a small node: in a cgroup of 64 MiB and half
// a processor, with 10,000 functions in 16 clusters and 2,000 queries a second. How late its answers are is
// compared with whoami's, in another cgroup alike, which is asked the same queries at the same time.
package edge

import (
	"testing"
	"time"
)

const (
	// steady is how long the nodes are observed at a time.
	steady = 10 * time.Second
	// promised is within which a failed gateway is left: an interval of probes, its jitter and a timeout, twice.
	promised = 2 * (5 + 2) * time.Second
	// later is how much later than whoami's the answers may be, of a hundred the last. Two to four times is
	// what the collector takes of half a processor; waiting for pages of the program takes ten times as
	// long, or more.
	later = 8
	// unlucky is one of how many queries more than whoami's may be lost: a socket has room for a tenth of a second
	// of them, and overflows while others have the processor. What waits for pages loses one of twenty, or more.
	unlucky = 50
)

// TestASmallNodeKeepsItsPromises has a gateway fail, the Corefile reloaded, and the resolver restarted. While it reads
// files after a start, with half a processor, it answers, but may be late.
func TestASmallNodeKeepsItsPromises(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: it takes a minute and a half")
	}
	p := newPair(t, build(t), enough*mebi)
	start := p.up(t)
	answered(t, p.observe(t, "it starts", steady, func() {}))
	punctual(t, p.observe(t, "steady", steady, func() {}))
	failed := time.Now()
	failover := p.observe(t, "a gateway fails", promised+steady, func() { p.gateways[0].Close() })
	punctual(t, failover)
	punctual(t, p.observe(t, "a reload", steady, func() { p.nearcast.reload(t); p.whoami.reload(t) }))
	p.nearcast.stop(t)
	p.whoami.stop(t)
	restart := p.up(t)
	answered(t, p.observe(t, "it restarts", steady, func() {}))
	punctual(t, p.observe(t, "after the restart", steady, func() {}))
	t.Logf("%.1f s to the first start's first answer, %.1f s to the restart's\n%s", start.Seconds(), restart.Seconds(), table(p.stages))

	moved := lastOf(gatewayOf(0), failover.nearcast.answers).Sub(failed)
	if t.Logf("the failed gateway was answered for %.1f s more", moved.Seconds()); moved > promised {
		t.Errorf("the failed gateway was answered for %s more, %s are promised", moved, promised)
	}
}

// lastOf returns when the last query was sent that was answered with an address.
func lastOf(address string, answers []answer) (last time.Time) {
	for _, a := range answers {
		if a.addr.String() == address {
			last = a.sent
		}
	}
	return last
}

// answered holds that the kernel ended nothing, and that answers came.
func answered(t *testing.T, b both) {
	t.Helper()
	if killed := b.nearcast.use.killed; killed > 0 {
		t.Errorf("%s: the kernel ended %d processes", b.nearcast.name, killed)
	}
	if b.nearcast.lost > b.whoami.lost+b.nearcast.asked/unlucky {
		t.Errorf("%s: %v", b.nearcast.name, b)
	}
}

// punctual also holds that they came not much later than whoami's.
func punctual(t *testing.T, b both) {
	t.Helper()
	if answered(t, b); b.nearcast.p99 > later*b.whoami.p99 {
		t.Errorf("%s: %v", b.nearcast.name, b)
	}
}
