package steer

import (
	"fmt"
	"math"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/steering/health"
)

// Load says where a placement starts to shed clients, and where it has shed all that can
// go elsewhere: shares of its capacity, 0 to 1. Between the two it sheds in proportion.
type Load struct{ From, To float64 }

// DefaultLoad starts where queues build up: at four fifths of a server's capacity a
// request waits four times as long as it is served (M/M/1).
var DefaultLoad = Load{From: 0.8, To: 1}

// Load is shed in steps of an eighth of the clients: fine enough to be smooth, and coarse
// enough that noise moves nobody.
const (
	stepBits = 3
	steps    = 1 << stepBits
)

// step returns how many eighths of the clients leave at the load. A reported load falls
// as clients leave, until it is between the two shares. A load inferred from replicas
// does not: as many clients stay as the replicas can serve, and the rest leaves.
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

// usual is the assumed load of a placement that reports none while all its replicas are
// ready: the usual target of autoscalers.
const usual = 0.6

// loadSource says how a load is known.
type loadSource uint8

const (
	unknownLoad loadSource = iota
	reported
	fewerReplicas
	roomLeft
)

// loadOf returns the placement's load and its source; 0 if it is not known. The load that
// the function itself reports comes first; then replicas that are not ready, whose work
// the others do; and, if it has not started yet, how full its cluster is.
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

// describe says how the placement's load is known; "" if it is not.
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

// relieve returns, for each eighth of the clients, the mask of those in up that still
// accept them; nil if nothing is shed. If all shed, the least loaded ones stay.
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
