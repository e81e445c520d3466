package nearcast

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// fileRecords is the file whose records a block answers with.
type fileRecords struct {
	path   string // "" if there is none
	apexes []zonefile.Apex
	// named are the faults that were logged when the server started.
	named []error
	// standing is how the file is used now.
	standing *atomic.Pointer[standing]
}

// standing is how a file of records is used.
type standing struct {
	records int
	faults  []error
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
	s.content, s.records.named = content, content.Faults
	s.records.standing = new(atomic.Pointer[standing])
	s.records.standing.Store(&standing{content.Len(), content.Faults})
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
	log := newly(n.settings.records.named)
	var read regular.Identity
	again := func() {
		id, there := regular.Identify(n.settings.records.path)
		if there && id == read {
			return // the file system reports other files too
		}
		read = id
		log(n.reread())
	}
	// A file that is removed may come back, and one behind a link may change in another directory.
	list := func() ([]string, error) {
		path := n.settings.records.path
		if _, err := os.Stat(path); err != nil {
			return []string{filepath.Dir(path)}, nil
		}
		return []string{filepath.Dir(path), path}, nil
	}
	warn := func(err error) { log([]error{err}) }
	if err := filewatch.Folders(ctx, list, again, warn); err != nil {
		warn(err)
	}
}

// reread reads the file again, and returns its faults.
func (n *Nearcast) reread() []error {
	file := &n.settings.records
	content, err := zonefile.ReadFile(file.path, file.apexes)
	if err != nil {
		faults := []error{fmt.Errorf("%w; keeping the last valid records", err)}
		file.standing.Store(&standing{file.standing.Load().records, faults})
		return faults
	}
	n.use(content)
	file.standing.Store(&standing{content.Len(), content.Faults})
	return content.Faults
}

// recordsOf returns a function that says how the blocks use their files.
func recordsOf(blocks []*Nearcast) func(*site.View) []site.RecordsStatus {
	return func(v *site.View) (all []site.RecordsStatus) {
		for _, n := range blocks {
			file := &n.settings.records
			if file.path == "" {
				continue
			}
			now := file.standing.Load()
			st := site.RecordsStatus{File: file.path, Records: now.records}
			for _, fault := range slices.Concat(now.faults, n.misplaced(), n.conflicts(v)) {
				st.Faults = append(st.Faults, fault.Error())
			}
			all = append(all, st)
		}
		return all
	}
}

// newly returns a function that logs those of the errors that were not among the last ones.
func newly(last []error) func([]error) {
	return func(errs []error) {
		before := map[string]bool{}
		for _, err := range last {
			before[err.Error()] = true
		}
		for _, err := range errs {
			if !before[err.Error()] {
				log.Warningf("records: %v", err)
			}
		}
		last = errs
	}
}

// followConflicts names the records in other blocks' zones, and the functions from which the file takes a name, until ctx
// ends.
func (n *Nearcast) followConflicts(ctx context.Context) {
	log := newly(nil)
	ticker := time.NewTicker(conflictsEvery)
	defer ticker.Stop()
	var names *site.Names
	var file *standing
	for {
		v, now := n.site.View(), n.settings.records.standing.Load()
		if v != nil && (v.Names != names || now != file) {
			names, file = v.Names, now
			log(append(n.misplaced(), n.conflicts(v)...))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// conflictsEvery is how often functions and the file are compared: either may change, and a person is to read of it.
const conflictsEvery = 10 * time.Second

// maxConflicts is how many functions are named.
const maxConflicts = 100

// conflicts are the functions from which the file takes a name.
func (n *Nearcast) conflicts(v *site.View) (all []error) {
	more := 0
	for _, f := range v.State.All() {
		for _, hostname := range f.Hostnames {
			z := n.zoneOf([]byte(strings.TrimPrefix(hostname, "*.")))
			if z == nil {
				continue // it is another block's
			}
			switch what, line := z.records().Why([]byte(hostname)); {
			case what == "":
			case len(all) == maxConflicts:
				more++
			default:
				all = append(all, fmt.Errorf("%s:%d: %s, a name of %s, is not answered with the function, because of these %s: remove them, or give the function another name",
					n.settings.records.path, line, hostname, f, what))
			}
		}
	}
	if more > 0 {
		all = append(all, fmt.Errorf("%s: takes %d more names from functions", n.settings.records.path, more))
	}
	return all
}

// misplaced are the records in zones that other blocks serve.
func (n *Nearcast) misplaced() (all []error) {
	for i := range n.Zones {
		z := &n.Zones[i]
		for _, d := range z.delegations {
			if node := z.records().Within(d.name); node != nil {
				all = append(all, fmt.Errorf("%s:%d: %s is in the zone %s, which another block serves: it is not answered from this file", n.settings.records.path, node.Sets[0].Line, node.Name, d.name))
			}
		}
	}
	return all
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
