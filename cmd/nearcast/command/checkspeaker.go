package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/config"
)

func checkSpeaker(path string, read tally) []finding {
	cfg, err := config.Load(path)
	if err != nil {
		return ofErrors(severityFault, path, unjoin(err))
	}
	read.set(path, unitPeer, len(cfg.Peers))
	read.set(path, unitVIP, len(cfg.VIPs))
	return slices.Concat(ofErrors(severityWarning, path, config.Warnings(path)), sendings(path, cfg))
}

// mostSendings limits the notes about one file: thousands of VIPs may have attributes of their own.
const mostSendings = 100

// sendings notes what routes carry in each announced state, grouped by equal content.
func sendings(path string, cfg *config.Config) (notes []finding) {
	note := func(key, reason string) {
		notes = append(notes, finding{Severity: severityNote, File: path, Key: key, Reason: reason, Text: path + ": " + reason})
	}
	all := cfg.Sendings()
	for _, s := range all[:min(len(all), mostSendings)] {
		what := "a VIP"
		if !s.All {
			what = few(s.Of)
		}
		var peers []string
		for _, p := range s.Peers {
			peers = append(peers, fmt.Sprintf("%s (%s)", p.Name(), p.AS()))
		}
		with := attributesText(s.Attributes, s.Internal)
		if with == "" {
			with = "no attributes of its own"
		}
		note("states."+string(s.State), fmt.Sprintf("%s in state %s: announced to %s with %s", what, s.State, strings.Join(peers, ", "), with))
	}
	if more := len(all) - mostSendings; more > 0 {
		note("states", fmt.Sprintf("the routes differ in %d more ways; \"nearcast bgp explain VIP\" shows those of one VIP", more))
	}
	return notes
}

// few names the first few, and says how many more there are.
func few(all []string) string {
	const most = 3
	if len(all) <= most+1 {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
