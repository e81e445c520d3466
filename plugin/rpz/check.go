package rpz

import (
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
)

// Check reads the rpz blocks of a Corefile with the server's own parser, and the zones that are files. It starts
// nothing. Faults are what would keep the server from starting or a zone from being used, and unusable rules.
// Doubts are settings without effect, and usable rules that may not do what is meant.
func Check(path string) (faults, doubts []error) {
	f, err := os.Open(path)
	if err != nil {
		return []error{err}, nil
	}
	defer f.Close()
	blocks, err := caddyfile.Parse(path, f, nil)
	if err != nil {
		return nil, nil // the check of the whole Corefile reports this
	}
	for _, block := range blocks {
		tokens := block.Tokens["rpz"]
		if len(tokens) == 0 {
			continue
		}
		s, err := parse(&caddy.Controller{Dispenser: caddyfile.NewDispenserTokens(path, tokens), ServerBlockKeys: block.Keys})
		if err != nil {
			faults = append(faults, err)
			continue
		}
		doubts = append(doubts, s.contradictions()...)
		for _, z := range s.zones {
			bad, doubtful := checkFile(z)
			faults, doubts = append(faults, bad...), append(doubts, doubtful...)
		}
	}
	return faults, doubts
}

// checkFile reads a zone file.
func checkFile(z *configuredZone) (faults, doubts []error) {
	if z.origin.file == "" {
		return nil, nil
	}
	read, err := ReadZone(z.origin.file, z.name)
	if err != nil {
		return []error{err}, nil
	}
	return read.Faults, read.Doubts
}
