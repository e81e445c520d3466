package rpz

import (
	"context"
	"sync"
	"time"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Status is the policy zones of a configuration at a glance.
type Status struct {
	Zones []ZoneStatus `json:"zones"`
	// Stray are zones that are disabled and that no block has.
	Stray []Disabled `json:"stray,omitempty"`
	// Unkept is why what is disabled would not outlive a restart; absent where nothing is.
	Unkept string `json:"unkept,omitempty"`
}

// The states of a policy zone.
const (
	StateInUse     = "in use"
	StateNotLoaded = "not loaded"
	StateExpired   = "expired"
	StateDisabled  = "disabled"
)

// ZoneStatus is a policy zone at a glance.
type ZoneStatus struct {
	// Zone is its name, and From where it comes from.
	Zone string `json:"zone"`
	From string `json:"from"`
	// State is one of the states above.
	State string `json:"state"`
	// Serial is that of the generation in use, and Since when it was put into use; both
	// are absent where there is none.
	Serial uint32    `json:"serial,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Rules are those that can be used, by trigger; Unusable and Doubtful are how many
	// cannot, and how many may not do what is meant.
	Rules    map[string]int `json:"rules"`
	Unusable int            `json:"unusable"`
	Doubtful int            `json:"doubtful"`
	// Tried is when the last read, transfer or download ended, Result what came of it,
	// and Error what it failed with.
	Tried  time.Time `json:"tried,omitzero"`
	Result string    `json:"result,omitempty"`
	Error  string    `json:"error,omitempty"`
	// Next is when the next one begins; absent for a file, which is read when it changes,
	// and where one is under way.
	Next time.Time `json:"next,omitzero"`
	// Expires is when the rules of a transferred zone are withdrawn unless a primary
	// confirms it.
	Expires time.Time `json:"expires,omitzero"`
	// Disabled is by which command it is.
	Disabled *Disabled `json:"disabled,omitempty"`
}

// status returns how a zone stands, or all where it is "".
func (i *instance) status(zone string) Status {
	st := Status{Zones: []ZoneStatus{}} // none is an empty list in JSON
	for _, s := range i.sources(zone) {
		st.Zones = append(st.Zones, s.status())
	}
	all := disabled.list()
	if len(all) > 0 {
		st.Unkept = disabled.unkept()
	}
	for _, d := range all {
		if (zone == "" || d.Zone == zone) && len(i.sources(d.Zone)) == 0 {
			st.Stray = append(st.Stray, d)
		}
	}
	return st
}

// status returns how the source's zone stands.
func (s *source) status() ZoneStatus {
	p := s.progress()
	st := ZoneStatus{
		Zone: s.origin.zone, From: s.origin.String(), State: StateInUse, Rules: map[string]int{},
		Tried: p.tried, Result: p.result, Next: p.next, Expires: p.expires,
	}
	if p.err != nil {
		st.Error = p.err.Error()
	}
	z, loaded := s.generation()
	switch {
	case z != nil:
		st.Serial, st.Since = z.Serial(), s.usedSince()
		st.Unusable, st.Doubtful = len(z.Faults()), len(z.Doubts())
		for t := policyzone.ClientIP; t <= policyzone.NSIP; t++ {
			if n := z.Rules(t); n > 0 {
				st.Rules[t.String()] = n
			}
		}
	case loaded:
		st.State = StateExpired
	default:
		st.State = StateNotLoaded
	}
	if d, off := disabled.get(s.origin.zone); off {
		st.State, st.Disabled = StateDisabled, &d
	}
	return st
}

// usedSince returns when the generation was put into use.
func (s *source) usedSince() time.Time { return time.Unix(0, s.since.Load()).UTC() }

// Refreshed is what came of having a zone read, transferred or downloaded.
type Refreshed struct {
	// Done is false where that is still under way.
	Done bool `json:"done"`
	// ZoneStatus is how the zone then stands. Result and Error are those of this refresh.
	ZoneStatus
}

// refresh refreshes the sources, all at once, and returns what came of each by the end of
// ctx.
func refresh(ctx context.Context, all []*source) []Refreshed {
	results := make([]Refreshed, len(all))
	var wg sync.WaitGroup
	for at, s := range all {
		wg.Go(func() {
			result, err := s.refresh(ctx)
			r := Refreshed{Done: result != underWay, ZoneStatus: s.status()}
			if r.Result, r.Error = result, ""; err != nil {
				r.Error = err.Error()
			}
			results[at] = r
		})
	}
	wg.Wait()
	return results
}

// Switched is what is disabled once a zone was disabled or enabled.
type Switched struct {
	Disabled []Disabled `json:"disabled"`
	// Unkept is why that would not outlive a restart; absent where it would.
	Unkept string `json:"unkept,omitempty"`
}
