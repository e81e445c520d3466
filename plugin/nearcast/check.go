package nearcast

import (
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
)

// Check reads the nearcast blocks of a Corefile with the server's own parser. It starts nothing. It returns the
// running states that they would make, what would keep the server from starting, and what would make it give wrong
// answers.
func Check(path string) (configs []site.Config, faults, warnings []error) {
	sources, faults, warnings := sourcesOf(path)
	for _, o := range sources {
		configs = append(configs, o.config)
		warnings = append(warnings, o.conflicts()...)
	}
	return configs, faults, warnings
}

// conflicts are the functions from which the blocks' files of records take names, as far as files say.
func (o *sourceOfBlocks) conflicts() (all []error) {
	ours := slices.DeleteFunc(slices.Clone(o.blocks), func(n *Nearcast) bool { return n.settings.records.path == "" })
	if len(ours) == 0 {
		return nil
	}
	view, err := site.Once(o.config)
	if err != nil {
		return nil // the source is Karmada, or its faults are reported
	}
	for _, n := range ours {
		all = append(all, n.conflicts(view)...)
	}
	return all
}

// sourcesOf reads the blocks, grouped by their sources.
func sourcesOf(path string) (sources []*sourceOfBlocks, faults, warnings []error) {
	read, err := blocks.Read(path)
	if err != nil {
		return nil, []error{err}, nil
	}
	var all instance
	var ours []steered
	stanzas := map[*Nearcast]*stanza{}
	for i, block := range read {
		tokens := block.Tokens["nearcast"]
		if len(tokens) == 0 {
			continue
		}
		s, err := parse(&caddy.Controller{
			Dispenser: caddyfile.NewDispenserTokens(path, tokens), ServerBlockKeys: block.Keys,
		})
		own := ownAddrs(blocks.Hosts(block))
		if err == nil {
			n := &Nearcast{Zones: s.zoneList(own), Fall: s.fall, settings: s.settings}
			stanzas[n] = s
			err = all.add(n, s)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		ours = append(ours, steered{i, s.zones, s.signed()})
		faults = append(faults, keyless(path, block, s.feeds)...)
		warnings = append(append(warnings, s.unnamed(own)...), s.warnings...)
	}
	warnings = append(hazards(path, read, ours), warnings...)
	for _, block := range blocks.UnlessOf(read, "nearcast") {
		warnings = append(warnings, blocks.Secrets(block)...)
	}
	delegate(all.blocks(), servedElsewhere(read))
	for _, n := range all.blocks() {
		warnings = append(append(append(warnings, stanzas[n].unsigned(n)...), stanzas[n].unaddressed(all.blocks())...), n.misplaced()...)
	}
	for _, o := range all.sources {
		if err := o.complete(); err != nil {
			faults = append(faults, err)
			continue
		}
		sources = append(sources, o)
	}
	return sources, faults, warnings
}

// keyless finds feeds whose keys are missing in the block's tsig. If tsig reads keys from a file, only starting the
// server shows it.
func keyless(path string, block caddyfile.ServerBlock, feeds []feed.Line) (faults []error) {
	have := map[string]bool{"": true}
	tsig := caddyfile.NewDispenserTokens(path, block.Tokens["tsig"])
	for tsig.Next() {
		for tsig.NextBlock() {
			key, args := tsig.Val(), tsig.RemainingArgs()
			switch {
			case key == "secrets":
				return nil
			case key == "secret" && len(args) == 2:
				have[dns.CanonicalName(args[0])] = true
			}
		}
	}
	for _, l := range feeds {
		if !have[l.Key] {
			faults = append(faults, noSecret(l))
		}
	}
	return faults
}
