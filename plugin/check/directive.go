package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/nearcast/nearcast/internal/base/typo"

	"github.com/nearcast/nearcast/internal/base/directives"
)

// known are the directives of a Corefile.
var known = func() []string {
	order, err := directives.Order()
	if err != nil {
		panic(err) // a programming error: CoreDNS lacks a plugin that ours are placed after
	}
	return order
}()

// unknownDirectives returns the directives of a Corefile that CoreDNS does not know.
func unknownDirectives(path string, blocks []caddyfile.ServerBlock) (faults []error) {
	for _, block := range blocks {
		for _, name := range slices.Sorted(maps.Keys(block.Tokens)) {
			if slices.Contains(known, name) {
				continue
			}
			at := block.Tokens[name][0] // with a file if it is imported
			reason := "no plugin of this CoreDNS has this name"
			if slices.Contains(dnsserver.Directives, name) {
				reason = "the minimal image lacks this plugin; the image whose tag ends in -full has it"
			} else if near := NearestDirective(name); near != "" {
				reason = "did you mean " + near + "?"
			}
			faults = append(faults, fmt.Errorf("%s:%d: %s: unknown directive; %s", cmp.Or(at.File, path), at.Line, name, reason))
		}
	}
	return faults
}

// NearestDirective returns the directive that a word is or may be a misspelling of, or "" if there is none.
func NearestDirective(word string) string { return typo.Nearest(word, known) }
