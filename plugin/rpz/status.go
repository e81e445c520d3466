package rpz

import (
	"context"
	"sync"
	"time"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// Status is a summary of a configuration's policy zones.
type Status struct {
	Zones []ZoneStatus `json:"zones"`
	// Stray are disabled zones that no block has.
	Stray []Disabled `json:"stray,omitempty"`
	// Unkept is why the disabled zones would not survive a restart; absent if they would.
	Unkept string `json:"unkept,omitempty"`
}

// The states of a policy zone.
const (
	StateInUse     = "in use"
	StateNotLoaded = "not loaded"
	StateExpired   = "expired"
	StateDisabled  = "disabled"
)

// ZoneStatus is a summary of a policy zone.
type ZoneStatus struct {
	// Zone is its name, and From where it comes from.
	Zone string `json:"zone"`
	From string `json:"from"`
	// State is one of the states above.
	State string `json:"state"`
	// Serial is the serial of the generation in use, and Since when it was put into use; both are absent if there
	// is none.
	Serial uint32    `json:"serial,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Rules are the usable rules, by trigger. Unusable and Doubtful count those that cannot be used, and those that
	// may not do what is meant.
	Rules    map[string]int `json:"rules"`
	Unusable int            `json:"unusable"`
	Doubtful int            `json:"doubtful"`
	// Tried is when the last read, transfer or download ended, Result its result, and Error its error.
	Tried  time.Time `json:"tried,omitzero"`
	Result string    `json:"result,omitempty"`
	Error  string    `json:"error,omitempty"`
	// Next is when the next one begins; absent for a file, which is read when it changes, and while one is in
	// progress.
	Next time.Time `json:"next,omitzero"`
	// Expires is when the rules of a transferred zone are withdrawn unless a primary
	// confirms it.
	Expires time.Time `json:"expires,omitzero"`
	// Disabled is the command that disabled it.
	Disabled *Disabled `json:"disabled,omitempty"`
}

// status returns the status of a zone, or of all zones if it is "".
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

// status returns the status of the source's zone.
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

// Refreshed is the result of reading, transferring or downloading a zone on demand.
type Refreshed struct {
	// Done is false if that is still in progress.
	Done bool `json:"done"`
	// ZoneStatus is the status of the zone afterwards. Result and Error are those of this refresh.
	ZoneStatus
}

// refresh refreshes the sources concurrently, and returns the result of each by the end of ctx.
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

// Switched is what is disabled after a zone was disabled or enabled.
type Switched struct {
	Disabled []Disabled `json:"disabled"`
	// Unkept is why this would not survive a restart; absent if it would.
	Unkept string `json:"unkept,omitempty"`
}
