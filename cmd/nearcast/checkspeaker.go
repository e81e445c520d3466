package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp"
)

func checkSpeaker(path string, read tally) []finding {
	config, err := bgp.Load(path)
	if err != nil {
		return ofErrors(severityFault, path, unjoin(err))
	}
	read.set(path, unitPeer, len(config.Peers))
	read.set(path, unitVIP, len(config.VIPs))
	return slices.Concat(ofErrors(severityWarning, path, bgp.Warnings(path)), sendings(path, config))
}

// sendings notes what routes carry in each state that is announced, by who is sent the same.
func sendings(path string, config *bgp.Config) (notes []finding) {
	for _, state := range []struct {
		name       bgp.State
		attributes bgp.Attributes
	}{{bgp.Up, config.States.Up}, {bgp.Degraded, config.States.Degraded.Attributes}, {bgp.Draining, config.States.Draining.Attributes}} {
		for _, internal := range []bool{false, true} {
			var peers []string
			for i := range config.Peers {
				if p := &config.Peers[i]; (p.ASN == config.ASN) == internal {
					peers = append(peers, fmt.Sprintf("%s (%s)", p.Name(), p.AS()))
				}
			}
			if len(peers) == 0 {
				continue
			}
			with := attributesText(state.attributes, internal)
			if with == "" {
				with = "no attribute of its own"
			}
			reason := fmt.Sprintf("a VIP that is %s is sent to %s with %s", state.name, strings.Join(peers, ", "), with)
			notes = append(notes, finding{Severity: severityNote, File: path, Key: "states." + string(state.name), Reason: reason, Text: path + ": " + reason})
		}
	}
	return notes
}
