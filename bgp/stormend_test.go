package bgp

import (
	"slices"
	"time"
)

// ends ends the speaker, with whatever comes meanwhile.
func (n *station) ends(last bool) {
	dwells := n.force.dwell + n.force.linger
	n.signalled()
	from := n.signalledAt
	n.troubled, n.clings = false, 0
	n.trouble()
	for range n.n("meanwhile", 3) {
		time.Sleep([]time.Duration{0, 50 * time.Millisecond, time.Second, 4 * time.Second}[n.n("pause", 3)])
		if ended(n.speaker) {
			break
		}
		switch n.n("during the drain", 8) {
		case 0:
			n.rewrites()
		case 1:
			n.drains()
		case 2:
			n.undrains()
		case 3:
			n.hinted()
		case 4:
			n.setAnswer(backend(n.number, 0), n.draw("backend answers"))
		case 5:
			n.moves()
		case 6:
			n.declaresOther()
		case 7:
			n.announcerFails()
		case 8:
			n.diskChanges()
		}
		n.trouble()
		if dwells > 0 && n.n("second signal", 5) == 0 {
			close(n.hurry)
			from, dwells = time.Now(), 0
		}
	}
	n.awaited(n.latest(from, dwells))
	if last {
		return
	}
	if !slices.Contains([]diskState{takesAll, slowly}, n.disk.is) && n.coin("repaired") {
		n.mendDisk()
	}
}

// trouble notes what the end may have to wait for.
func (n *station) trouble() {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	n.clings = max(n.clings, len(n.stuck))
	n.troubled = n.troubled || len(n.stuck) > 0 || n.fails > 0 || n.blind || n.loops || n.disk.is == hangs || n.disk.is == slowly
}

func ended(s *speaker) bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
