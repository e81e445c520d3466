// Package check reads a Corefile with the parsers of all of Nearcast's plugins. It starts nothing.
package check

import (
	"slices"

	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/ddr"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/nearcast"
	"github.com/nearcast/nearcast/plugin/rpz"
	"github.com/nearcast/nearcast/plugin/rrl"
	"github.com/nearcast/nearcast/plugin/tcp"
)

// Report is what a Corefile holds, and the problems found in it.
type Report struct {
	// Blocks is the number of its server blocks; 0 if it cannot be parsed.
	Blocks int
	// Sites are the configurations of the nearcast blocks that can be parsed.
	Sites []site.Config
	// PolicyZones are the names of the policy zones that are files, by file.
	PolicyZones map[string]string
	// Faults would keep the server from starting, or from doing what the Corefile says. Warnings are about what
	// would start, but may not do what is meant.
	Faults, Warnings []error
}

// Corefile returns the Report of the file at the path.
func Corefile(path string) Report {
	all, _ := blocks.Read(path) // nearcast.Check says why not
	configs, bad, warnings := nearcast.Check(path)
	misdirected, off := checkDirect(path)
	unusable, uncertain := rpz.Check(path)
	misleading, doubtful := ddr.Check(path)
	for _, block := range blocks.UnlessOf(all, "rpz", "nearcast") {
		warnings = append(warnings, blocks.Secrets(block)...)
	}
	return Report{
		Blocks: len(all), Sites: configs, PolicyZones: rpz.Files(path),
		Faults:   slices.Concat(bad, unknownDirectives(path, all), blocks.Overlaps(all), unusable, rrl.Check(path), tcp.Check(path), misdirected, misleading),
		Warnings: slices.Concat(warnings, off, doubtful, uncertain, Open(path, all)),
	}
}

// Open returns a warning for each block of a Corefile that answers every client for all names, unless the Corefile
// says that this is intended.
func Open(path string, all []caddyfile.ServerBlock) []error { return blocks.Open(path, all) }
