package site

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/policy"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// Explanation says what the answer would be, and why.
type Explanation struct {
	Name string `json:"name"`
	// Function is "" if the name is not a function's.
	Function string `json:"function"`
	Site     string `json:"site"`
	From     string `json:"from"`
	// Location is "nowhere" if no prefix covers the client.
	Location string `json:"location"`
	// Located is the rule that found the location.
	Located string `json:"located"`
	Horizon string `json:"horizon,omitempty"`
	Policy  string `json:"policy"`
	// Outcome describes the answer.
	Outcome string   `json:"outcome"`
	Answers []string `json:"answers,omitempty"`
	// Records are the answers for a name that is not a function's own: a name of a zone,
	// a name server, a service or an address.
	Records []string `json:"records,omitempty"`
	// Reason says why there is no candidate.
	Reason string `json:"reason,omitempty"`
	// Lasts says what bounds the answer's TTL.
	Lasts string `json:"lasts"`
	// Replies are the replies that a server would send for A and AAAA.
	Replies    []Reply           `json:"replies,omitempty"`
	Candidates []steer.Candidate `json:"candidates"`
}

// Explain answers the name for a client at from, with the reasons. verdicts are those of
// the probes, or nil if nothing is probed. With render, which may be nil, it shows the
// replies; without it only functions' names are known.
func (v *View) Explain(name string, from netip.Addr, verdicts steer.Verdicts, render Renderer) (*Explanation, error) {
	fqdn, err := federation.ParseHostname(name)
	if err != nil {
		return nil, err
	}
	if verdicts == nil {
		verdicts = steer.Unprobed
	}
	client := v.Locate(from, netip.PrefixFrom(from.Unmap(), from.Unmap().BitLen()))
	e := &Explanation{
		Name: fqdn, Site: v.Site.String(), From: from.String(), Location: v.Locations.Location(client.Location).String(),
		Located: v.located(from), Horizon: v.HorizonName(client.Horizon), Candidates: []steer.Candidate{},
	}
	if e.Location == "" {
		e.Location = "nowhere"
	}
	function, existence := v.Names.Lookup([]byte(fqdn), client.Own)
	if render != nil {
		all, exists, fixed, err := replies(fqdn, from, render)
		if err != nil {
			return nil, err
		}
		e.Replies = all
		if existence == Absent || existence == Ancestor || !exists || fixed || slices.Contains(v.servers, fqdn) {
			return e, v.explainOther(e, from, client, verdicts, render)
		}
	}
	switch existence {
	case Absent:
		return nil, noSuchName(fqdn)
	case Ancestor:
		return nil, noRecords(fqdn)
	}
	v.explainFunction(e, function, client, verdicts)
	return e, nil
}

func noSuchName(fqdn string) error { return fmt.Errorf("%s does not exist (NXDOMAIN)", fqdn) }

func noRecords(fqdn string) error {
	return fmt.Errorf("%s has no records, but names exist below it (NODATA)", fqdn)
}

// explainFunction adds to e how the function is steered.
func (v *View) explainFunction(e *Explanation, function int, client Client, verdicts steer.Verdicts) {
	f := v.State.Functions.At(function)
	q := steer.Question{
		Function: function, Location: client.Location, Horizon: client.Horizon,
		Client: client.Addr, Turn: Turn(time.Now()),
	}
	e.Function, e.Policy = f.String(), v.RuleOf(f).String()
	e.Candidates = v.Table.Explain(v.Standing, q, verdicts)
	e.Lasts = lasts(v.Pick(v.Standing, q))
	e.Outcome, e.Answers = v.outcome(q, e.Candidates)
	if len(f.Placements) == 0 {
		e.Reason = nowhere(f)
	}
}

// located says which rule located the client.
func (v *View) located(from netip.Addr) string {
	canonical, before := canonicalAddr(from.Unmap())
	why := v.Locations.Why(canonical)
	if before > 0 {
		return "as " + canonical.String() + ": " + why
	}
	return why
}

// lasts says what bounds the TTL of the answer.
func lasts(c steer.Choice) string {
	switch {
	case c.Fenced:
		return "minimum: the client is turned away"
	case c.Cluster < 0 && !c.Anycast:
		return "minimum: there is no candidate"
	case !c.Steered:
		return "maximum: no probe can change this answer"
	case c.Tier != steer.Up:
		return "minimum: better candidates may recover"
	case c.Shaky:
		return "minimum: the last probe failed"
	case c.Probed:
		return "at most the time that probes need to change this answer"
	}
	return "maximum: nothing is probed"
}

// outcome describes in words what Pick answers.
func (v *View) outcome(q steer.Question, candidates []steer.Candidate) (string, []string) {
	choice := v.Pick(v.Standing, q)
	instead := v.Instead(q.Function, choice)
	switch {
	case choice.Anycast:
		var vips []string
		for _, vip := range v.State.Functions.At(q.Function).VIPs {
			vips = append(vips, vip.String())
		}
		return "the function's VIPs", vips
	case choice.Fenced:
		return "the policy turns away clients from there (NODATA)", nil
	case instead.Fallback():
		return "nothing is up: answering the fallback", answersOf(instead)
	case choice.Cluster < 0:
		return "no candidate (NODATA)", nil
	case instead != nil && instead.Fail:
		return "all candidates are down: SERVFAIL", nil
	case choice.Tier == steer.Down:
		return "all candidates are down: answering all of them, in order", addressesOf(candidates)
	case choice.Most > 1 && len(v.Answers(v.Standing, q, choice)) > 1:
		best := candidates[:len(v.Answers(v.Standing, q, choice))]
		var names []string
		for _, c := range best {
			names = append(names, c.Cluster)
		}
		return "clusters " + strings.Join(names, " and "), addressesOf(best)
	}
	return "cluster " + v.State.Clusters[choice.Cluster].Name, candidates[0].Addresses
}

func addressesOf(candidates []steer.Candidate) (all []string) {
	for _, c := range candidates {
		all = append(all, c.Addresses...)
	}
	return all
}

// answersOf are the fallback's name or addresses.
func answersOf(w *policy.WhenDown) (all []string) {
	if w.Name != "" {
		return []string{w.Name}
	}
	for _, a := range w.Addresses {
		all = append(all, a.String())
	}
	return all
}

// nowhere says why the function has no candidate.
func nowhere(f *federation.Function) string {
	switch n := len(f.Refused); {
	case f.Unplaced != "":
		return f.Unplaced
	case n == 1:
		return "the only cluster that Karmada names is refused"
	default:
		return fmt.Sprintf("all %d clusters that Karmada names are refused", n)
	}
}

// Turn numbers the seconds: a client that queries A and AAAA together does so within a
// second, and both answers must come from one cluster.
func Turn(now time.Time) uint64 { return uint64(now.Unix()) }
