package nearcast

import (
	"sync"
	"time"
)

// readiness waits for the first round of probes, but not forever: a target that never answers must not keep the
// site from serving.
type readiness struct {
	mu    sync.Mutex
	since time.Time // of the first state
	done  bool
}

// Ready implements ready.Readiness: a state is known, and the first round of probes is over. It stays true:
// fail-open handles a later loss, and the health of functions must not take a name server out of service.
func (i *instance) Ready() bool {
	i.ready.mu.Lock()
	defer i.ready.mu.Unlock()
	if i.ready.done {
		return true
	}
	if len(i.sites) < len(i.sources) {
		return false
	}
	settled := true
	for _, s := range i.sites {
		if s.View() == nil {
			return false
		}
		settled = settled && s.Settled()
	}
	if i.ready.since.IsZero() {
		i.ready.since = time.Now()
	}
	i.ready.done = settled || time.Since(i.ready.since) > i.roundTime()
	return i.ready.done
}

// roundTime bounds the first round of probes.
func (i *instance) roundTime() time.Duration {
	var most time.Duration
	for _, s := range i.sites {
		probe := s.Config().Probe
		most = max(most, probe.Interval+probe.Timeout)
	}
	return most
}

// Ready implements ready.Readiness. CoreDNS keeps one plugin of each name, so each answers for all of them.
func (n *Nearcast) Ready() bool { return n.instance.Ready() }
