package edge

import (
	"fmt"
	"testing"
)

// enough is the least limit, in MiB, within which nothing may be late: manifests/nearcast recommends no less.
const enough = 64

// TestNothingIsKilledAsTheLimitComesNear prints what becomes of the resolver within less and less memory. It may
// become slower, but the kernel never ends it. With 32 MiB it depends on the disk whether it answers.
func TestNothingIsKilledAsTheLimitComesNear(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: it takes minutes")
	}
	program := build(t)
	var stages []stage
	for _, limit := range []int64{512, 96, enough, 48, 40} {
		t.Run(fmt.Sprint(limit, " MiB"), func(t *testing.T) {
			p := newPair(t, program, limit*mebi)
			start := p.up(t)
			p.observe(t, "warming up", steady, func() {})
			b := p.observe(t, fmt.Sprintf("%d MiB, up in %.1f s", limit, start.Seconds()), steady, func() {})
			stages = append(stages, b.nearcast, b.whoami)
			if limit >= enough {
				punctual(t, b)
			}
			if killed := b.nearcast.use.killed; killed > 0 {
				t.Errorf("the kernel ended %d processes", killed)
			}
		})
	}
	t.Logf("\n%s", table(stages))
}
