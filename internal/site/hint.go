package site

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/admin/hint"
)

const (
	// hintInterval is how soon after a new View the speaker gets it.
	hintInterval = time.Second
	// hintAgain is how often current hints are sent again, well before they expire.
	hintAgain = hint.Last / 3
	// hintAfter is how long hints continue after a function has left: its endpoints
	// disappear a little later than its placement, and its VIP must not come back in
	// between.
	hintAfter = 2 * time.Minute
	// mostHints bounds the hints of one namespace; the speaker gives no namespace more
	// addresses. It takes all hints or none, so too many of one namespace would cost
	// others theirs.
	mostHints = 256
)

// hinter determines which VIPs should leave the site. It is pure.
type hinter struct {
	home string // cluster
	// left holds, by VIP, when functions that were leaving were last seen placed here.
	left map[netip.Addr]time.Time
}

// stance says how the functions of one VIP stand at the site.
type stance struct {
	namespace string
	stays     bool   // a function that is not leaving is here
	why       string // why a function is leaving
	gone      string // a function that is not placed here
}

// hints returns the hints of the view, sorted by VIP: a VIP should leave when every
// function that has it here is leaving or has left.
func (h *hinter) hints(v *View, now time.Time) []hint.Hint {
	home := v.State.ClusterIndex(h.home)
	if home < 0 {
		return nil
	}
	all := []hint.Hint{}
	stances := h.stances(v, home, now)
	for vip, s := range stances {
		at, hadLeft := h.left[vip]
		switch {
		case s.stays:
			delete(h.left, vip)
		case s.why != "":
			all = append(all, hint.Hint{VIP: vip, Namespace: s.namespace, Reason: s.why})
		case hadLeft && now.Sub(at) < hintAfter:
			all = append(all, hint.Hint{VIP: vip, Namespace: s.namespace, Reason: s.gone + " has left"})
		default:
			delete(h.left, vip)
		}
	}
	slices.SortFunc(all, func(a, b hint.Hint) int { return strings.Compare(a.VIP.String(), b.VIP.String()) })
	count := map[string]int{}
	return slices.DeleteFunc(all, func(one hint.Hint) bool {
		count[one.Namespace]++
		return count[one.Namespace] > mostHints
	})
}

func (h *hinter) stances(v *View, home int, now time.Time) map[netip.Addr]*stance {
	drained := v.State.Clusters[home].Leaving
	all := map[netip.Addr]*stance{}
	for _, f := range v.State.All() {
		for _, vip := range f.VIPs {
			s, name := all[vip], f.Namespace+"/"+f.Name
			if s == nil {
				s = &stance{namespace: f.Namespace}
				all[vip] = s
			}
			switch placed, leaving := f.Leaving(home, h.home); {
			case placed && leaving != "":
				s.why, h.left[vip] = name+" is "+leaving, now
			case placed && drained != "":
				s.why = "cluster " + h.home + " is " + drained
			case placed:
				s.stays = true
			default:
				s.gone = name
			}
		}
	}
	for vip := range h.left {
		if all[vip] == nil {
			delete(h.left, vip)
		}
	}
	return all
}

// hint sends the speaker of the site the VIPs that should leave it, until ctx ends.
func (s *Site) hint(ctx context.Context) {
	warn := s.warner()
	h := &hinter{home: s.config.Where.Cluster, left: map[netip.Addr]time.Time{}}
	tick := time.NewTicker(hintInterval)
	defer tick.Stop()
	var sent []hint.Hint
	var at time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v, now := s.View(), time.Now()
		if v == nil {
			continue
		}
		hints := h.hints(v, now)
		if slices.Equal(hints, sent) && (len(hints) == 0 || now.Sub(at) < hintAgain) {
			continue
		}
		if err := hint.Tell(ctx, s.config.Speaker, hints); err != nil {
			if ctx.Err() == nil {
				warn(err)
			}
			continue // and send them again
		}
		sent, at = hints, now
	}
}
