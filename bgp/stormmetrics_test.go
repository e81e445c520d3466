package bgp

import (
	"strings"

	"github.com/nearcast/nearcast/bgp/vip"
)

// verifyMetrics checks that the metrics agree with the status.
func (n *station) verifyMetrics() {
	families, err := n.speaker.metrics.registry.Gather()
	if err != nil {
		n.Errorf("site %d: %v", n.number, err)
	}
	got := map[string]float64{}
	for _, family := range families {
		name, ours := strings.CutPrefix(family.GetName(), "nearcast_bgp_")
		for _, m := range family.Metric {
			for _, label := range m.Label {
				name = strings.TrimSuffix(name, "}") + " " + label.GetValue()
			}
			if ours && m.Gauge != nil {
				got[name] = m.Gauge.GetValue()
			} else if ours && m.Counter != nil {
				got[name] = m.Counter.GetValue()
			}
			name, _ = strings.CutPrefix(family.GetName(), "nearcast_bgp_")
		}
	}
	// The status that was collected: another request would wait, and find a check failed meanwhile.
	for name, want := range n.series(n.speaker.shown()) {
		if value, is := got[name]; !is || value != want {
			n.Errorf("site %d: metric %s: got %v (present: %v), want %v", n.number, name, value, is, want)
		}
	}
}

// series are the metrics that follow from the status.
func (n *station) series(st Status) map[string]float64 {
	all := map[string]float64{
		"drains_unsaved": truth(st.DrainsUnsaved != ""), "refused": float64(st.RefusedInAll), "hints_ignored": float64(len(st.IgnoredHints)),
	}
	for _, v := range st.VIPs {
		for _, state := range vip.States() {
			all["vip_state "+string(state)+" "+v.Address] = truth(v.State == state)
		}
		all["vip_reason "+string(v.Reason.Code)+" "+v.Address] = 1
		all["vip_announced "+v.Address] = truth(v.Announced)
	}
	for _, g := range st.Aggregates {
		all["aggregate_announced "+g.Prefix] = truth(g.Announced)
	}
	for _, p := range st.Peers {
		all["session_up "+p.Address] = 1
	}
	for good, times := range n.reloads {
		all["reloads_total "+map[bool]string{true: "good", false: "refused"}[good]] = float64(times)
	}
	return all
}
