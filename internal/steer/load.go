package steer

import (
	"fmt"
	"math"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/health"
)

// Load says where a placement begins to give up clients, and where it has given
// up all that can go elsewhere: shares of what it can bear, 0 to 1. It sheds them
// in proportion between the two.
type Load struct{ From, To float64 }

// DefaultLoad begins where queues do: at four fifths of a server's capacity a
// request waits four times as long as it is served (M/M/1).
var DefaultLoad = Load{From: 0.8, To: 1}

// Shedding is in steps, each an eighth of the clients: fine enough to be smooth,
// and coarse enough that noise moves nobody.
const (
	stepBits = 3
	steps    = 1 << stepBits
)

// step returns how many eighths of the clients leave at the load. One that is reported
// falls as they leave, until it is between the two shares. One that is inferred from
// replicas does not: what they can bear stays, and the rest leaves.
func (l Load) step(load float64, known loadSource) int {
	switch {
	case load <= l.From:
		return 0
	case known == fewerReplicas:
		return int(math.Ceil(steps * (1 - l.From/load)))
	case load >= l.To:
		return steps
	}
	return min(steps, int(math.Ceil(steps*(load-l.From)/(l.To-l.From))))
}

// usual is the load that a placement is taken to have while all its replicas are
// ready and it does not tell: what autoscalers commonly aim at.
const usual = 0.6

// loadSource is how a load is known.
type loadSource uint8

const (
	unknownLoad loadSource = iota
	reported
	fewerReplicas
	roomLeft
)

// loadOf returns the placement's load and how it is known; 0 where it is not.
// What the function itself reports comes first; then replicas that are not
// ready, whose work the others do; and where it has yet to start, the room that
// its cluster has left.
func loadOf(p *federation.Placement, c *federation.Cluster, probe health.Verdict) (float64, loadSource) {
	switch {
	case probe.Load > 0:
		return probe.Load, reported
	case p.Capacity != nil && p.Capacity.Ready < p.Capacity.Borne():
		return usual * float64(p.Capacity.Borne()) / float64(max(p.Capacity.Ready, 1)), fewerReplicas
	case p.Cold && c.Used > 0:
		return c.Used, roomLeft
	}
	return 0, unknownLoad
}

// describe says how the placement's load is known; "" where it is not.
func (s loadSource) describe(load float64, p *federation.Placement) string {
	switch s {
	case reported:
		return fmt.Sprintf("load %.2f as reported", load)
	case fewerReplicas:
		return fmt.Sprintf("%d of %d replicas ready", p.Capacity.Ready, p.Capacity.Borne())
	case roomLeft:
		return fmt.Sprintf("cold, and its cluster is %.0f%% full", 100*load)
	}
	return ""
}

// relieve makes the masks of those in up that still take a client, for each
// eighth of the clients; nil where nothing is shed. Where everything is, the
// least loaded stay.
func relieve(up Mask, shed []uint8) *[steps]Mask {
	least, most := uint8(steps), uint8(0)
	for c := up.next(0); c >= 0; c = up.next(c + 1) {
		least, most = min(least, shed[c]), max(most, shed[c])
	}
	if most == 0 {
		return nil
	}
	spare := new([steps]Mask)
	for k := range spare {
		spare[k] = make(Mask, len(up))
		for c := up.next(0); c >= 0; c = up.next(c + 1) {
			if int(shed[c]) <= k || shed[c] == least {
				spare[k].set(c)
			}
		}
	}
	return spare
}
