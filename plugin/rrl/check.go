package rrl

import (
	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// Check reads the rrl blocks of a Corefile with the server's own parser, and returns
// what would keep the server from starting.
func Check(path string) (faults []error) {
	all, err := blocks.Read(path)
	if err != nil {
		return nil // the check of the whole Corefile reports this
	}
	for _, block := range all {
		tokens := block.Tokens["rrl"]
		if len(tokens) == 0 {
			continue
		}
		if _, err := parse(&caddy.Controller{Dispenser: caddyfile.NewDispenserTokens(path, tokens), ServerBlockKeys: block.Keys}); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}
