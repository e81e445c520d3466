package rpz

import (
	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
)

// Files returns the zone files of a Corefile's rpz blocks, with the names of the zones. A block with a fault has
// none: Check reports it.
func Files(path string) map[string]string {
	all, err := blocks.Read(path)
	if err != nil {
		return nil
	}
	files := map[string]string{}
	for _, block := range all {
		tokens := block.Tokens["rpz"]
		if len(tokens) == 0 {
			continue
		}
		s, err := parse(&caddy.Controller{Dispenser: caddyfile.NewDispenserTokens(path, tokens), ServerBlockKeys: block.Keys})
		if err != nil {
			continue
		}
		for _, z := range s.zones {
			if z.origin.file != "" {
				files[z.origin.file] = z.name
			}
		}
	}
	return files
}
