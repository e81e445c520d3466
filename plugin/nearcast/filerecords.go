package nearcast

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// fileRecords is the file whose records a block answers with.
type fileRecords struct {
	path   string // "" if there is none
	apexes []zonefile.Apex
}

func (s *stanza) parseRecords(args []string) error {
	path, err := arguments.One(args, "a file")
	if err == nil {
		s.records.path, err = arguments.Existing(path)
	}
	return err
}

// readRecords reads the file of the block, once the rest of the block is known. Its faults are warnings.
func (s *stanza) readRecords() error {
	if s.records.path == "" {
		return nil
	}
	for _, zone := range s.zones {
		apex := zonefile.Apex{Zone: zone, Policies: s.feedsOf(zone)}
		for _, server := range s.serversOf(zone, nil) {
			apex.Servers = append(apex.Servers, server.Name)
		}
		s.records.apexes = append(s.records.apexes, apex)
	}
	content, err := zonefile.ReadFile(s.records.path, s.records.apexes)
	if err != nil {
		return fmt.Errorf("%s: records: %w", s.lines["records"], err)
	}
	s.content = content
	s.warnings = append(s.warnings, content.Faults...)
	return nil
}

// fileOf returns where the records of the zone are; nil if the block has no file.
func (s *stanza) fileOf(zone string) *atomic.Pointer[zonefile.Zone] {
	if s.content == nil {
		return nil
	}
	p := new(atomic.Pointer[zonefile.Zone])
	p.Store(s.content.Zone(zone))
	return p
}

// watchRecords follows the block's file until ctx ends. A file that cannot be used is named, and leaves the last good
// records in use.
func (n *Nearcast) watchRecords(ctx context.Context) {
	said := map[string]bool{}
	again := func() {
		content, err := zonefile.ReadFile(n.settings.records.path, n.settings.records.apexes)
		faults := []error{fmt.Errorf("%w; keeping the last valid records", err)}
		if err == nil {
			n.use(content)
			faults = content.Faults
		}
		before := said
		said = map[string]bool{}
		for _, fault := range faults {
			text := fault.Error()
			if said[text] = true; !before[text] {
				log.Warningf("records: %s", text)
			}
		}
	}
	// A file that is removed may come back, and one behind a link may change in another directory.
	list := func() ([]string, error) {
		path := n.settings.records.path
		if _, err := os.Stat(path); err != nil {
			return []string{filepath.Dir(path)}, nil
		}
		return []string{filepath.Dir(path), path}, nil
	}
	warn := func(err error) { log.Warningf("records: %v", err) }
	if err := filewatch.Folders(ctx, list, again, warn); err != nil {
		warn(err)
	}
}

// use answers with the content from now on.
func (n *Nearcast) use(content *zonefile.Content) {
	for i := range n.Zones {
		z := &n.Zones[i]
		z.file.Store(content.Zone(z.Name))
	}
	if n.exports != nil {
		n.exports.Rewrite()
	}
}
