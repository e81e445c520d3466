package rpz

import (
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/internal/policyzone"
)

// Check reads the rpz blocks of a Corefile with the server's own parser, and the
// zones that are files, and starts nothing. It returns what would keep the server
// from starting, and the rules that cannot be used.
func Check(path string) (faults []error) {
	f, err := os.Open(path)
	if err != nil {
		return []error{err}
	}
	defer f.Close()
	blocks, err := caddyfile.Parse(path, f, nil)
	if err != nil {
		return nil // who checks the Corefile as a whole says so
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
		for _, z := range s.zones {
			faults = append(faults, checkFile(z)...)
		}
	}
	return faults
}

// checkFile reads a zone that is a file.
func checkFile(z *zone) (faults []error) {
	if z.origin.file == "" {
		return nil
	}
	_, bad, err := policyzone.ReadFile(z.origin.file, z.name)
	if err != nil {
		return []error{err}
	}
	for _, f := range bad {
		faults = append(faults, f.In(z.origin.file))
	}
	return faults
}
