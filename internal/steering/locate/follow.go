package locate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
)

// Follower makes Tables from files. If a file becomes unusable, its last good content
// stays in use. Its methods may be called from any goroutine.
type Follower struct {
	files Files

	mu        sync.Mutex
	tables    map[string]*kept[[]Entry]
	databases map[string]*kept[*Database]
}

// NewFollower returns a Follower of the files, which are not read yet.
func NewFollower(files Files) *Follower {
	f := &Follower{files: files, tables: map[string]*kept[[]Entry]{}, databases: map[string]*kept[*Database]{}}
	if files.Locations != "" {
		f.tables[files.Locations] = new(kept[[]Entry])
	}
	for _, path := range files.GeoIP {
		f.databases[path] = new(kept[*Database])
	}
	return f
}

// Inherit takes over what before holds of the files that both follow.
func (f *Follower) Inherit(before *Follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before.mu.Lock()
	defer before.mu.Unlock()
	inherit(f.tables, before.tables)
	inherit(f.databases, before.databases)
}

func inherit[T any](mine, before map[string]*kept[T]) {
	for path := range mine {
		if had := before[path]; had != nil {
			mine[path] = new(*had)
		}
	}
}

// kept is the known state of a file.
type kept[T any] struct {
	// good is the last usable content, if there was any.
	good    T
	hasGood bool
	// faults are the problems of the file as it is now.
	faults []federation.Fault
	// seen identifies the file with that content; there is unset if the file could not be
	// read, so that it is tried again.
	seen  regular.Identity
	there bool
}

// refresh reads the file if it changed, and reports whether its content or its faults
// changed.
func (k *kept[T]) refresh(path string, read func(path string) (T, []federation.Fault, error)) (changed bool) {
	seen, there := regular.Identify(path)
	if there && k.there && seen == k.seen {
		return false
	}
	before := k.faults
	content, faults, err := read(path)
	if err == nil {
		k.good, k.hasGood, k.faults, k.seen, k.there = content, true, faults, seen, there
		return true
	}
	fault := unusable(path, err)
	if k.hasGood {
		fault.Reason += "; keeping its last valid content"
	}
	var unread *fs.PathError
	k.faults, k.seen, k.there = append(slices.Clip(faults), fault), seen, there && !errors.As(err, &unread)
	return !slices.Equal(before, k.faults)
}

// unusable returns the fault of a file that cannot be used at all.
func unusable(path string, err error) federation.Fault {
	var unread *fs.PathError
	switch {
	case errors.As(err, &unread) && (errors.Is(err, regular.ErrNot) || errors.Is(err, regular.ErrLarge)):
		return federation.Fault{File: path, Reason: unread.Err.Error()}
	case errors.As(err, &unread):
		return federation.Fault{File: path, Reason: "cannot be read: " + unread.Err.Error()}
	}
	return federation.Fault{File: path, Reason: err.Error()}
}

var (
	errEmpty  = errors.New("is empty")
	errNoLine = errors.New("has no valid line")
)

// readTable reads a table of locations. A table without a good line is damaged or still
// being written.
func readTable(path string) ([]Entry, []federation.Fault, error) {
	file, err := regular.Open(path, MaxSize)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	entries, faults, err := Parse(path, file)
	switch {
	case err != nil || len(entries) > 0:
		return entries, faults, err
	case file.Size() == 0:
		return nil, nil, errEmpty
	case len(faults) > 0:
		return nil, faults, errNoLine
	}
	return nil, nil, nil
}

// Load returns a Table of the good parts of the files, and their faults.
func (f Files) Load() (*Table, []federation.Fault) {
	follower := NewFollower(f)
	follower.refresh()
	return follower.table()
}

// refresh reads the files that changed, and reports whether the Table may change because of
// them.
func (f *Follower) refresh() (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, k := range f.tables {
		changed = k.refresh(path, readTable) || changed
	}
	for path, k := range f.databases {
		changed = k.refresh(path, readDatabase) || changed
	}
	return changed
}

// table makes a Table of what is stored.
func (f *Follower) table() (*Table, []federation.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []Entry
	var faults []federation.Fault
	unread := false
	if k := f.tables[f.files.Locations]; k != nil {
		entries, faults, unread = k.good, slices.Clone(k.faults), !k.hasGood
	}
	var databases []*Database
	good := map[string]*Database{}
	for _, path := range f.files.GeoIP {
		k := f.databases[path]
		if faults = append(faults, k.faults...); k.hasGood {
			databases, good[path] = append(databases, k.good), k.good
		}
	}
	t := New(entries, databases...)
	t.unread = unread
	return t, append(faults, f.unfit(entries, good)...)
}

// unfit reports files that have no effect without other files.
func (f *Follower) unfit(entries []Entry, databases map[string]*Database) (faults []federation.Fault) {
	numbered, both := false, false
	settled, continental := false, false
	for _, db := range databases {
		numbered = numbered || db.numbered
		settled, continental = settled || db.settled, continental || db.continental
		both = both || db.reader.Metadata.IPVersion == 6
	}
	named := slices.IndexFunc(entries, func(e Entry) bool { return e.ASN != 0 })
	if named >= 0 && !numbered {
		faults = append(faults, federation.Fault{File: f.files.Locations, Reason: fmt.Sprintf(
			"AS%d is named, but no geoip database has autonomous systems: lines that name one have no effect", entries[named].ASN)})
	}
	inert := func(e Entry) bool { return e.Area.Country != "" && !settled || e.Area.Continent != "" && !continental }
	if i := slices.IndexFunc(entries, inert); i >= 0 {
		what := "continents"
		if entries[i].Area.Country != "" {
			what = "countries"
		}
		faults = append(faults, federation.Fault{File: f.files.Locations, Reason: fmt.Sprintf(
			"%s is named, but no geoip database has %s: lines that name one have no effect", entries[i].Area, what)})
	}
	for _, path := range slices.Sorted(maps.Keys(databases)) {
		db := databases[path]
		if onContinents := slices.ContainsFunc(entries, func(e Entry) bool { return e.Area.Continent != "" }); !db.settled && db.continental && !onContinents && (named < 0 || !db.numbered) {
			faults = append(faults, federation.Fault{Warning: true, File: path, Reason: fmt.Sprintf(
				"has continents but no countries (its type is %q), and no line of locations names a continent: it has no effect", db.kind)})
		}
		if !db.located() && named < 0 {
			faults = append(faults, federation.Fault{Warning: true, File: path, Reason: fmt.Sprintf(
				"has autonomous systems but no places (its type is %q), and no line of locations names an autonomous system: it has no effect", db.kind)})
		}
		if !both {
			faults = append(faults, federation.Fault{Warning: true, File: path, Reason: "has only IPv4 networks: no geoip database locates IPv6 clients"})
		}
	}
	return faults
}

// Watch calls use with a Table of the files at the start and after each change, until ctx
// ends.
func (f *Follower) Watch(ctx context.Context, use func(*Table, []federation.Fault), onError func(error)) error {
	var folders []string
	for _, path := range f.files.all() {
		if folder := filepath.Dir(path); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	first := true
	return filewatch.Folders(ctx, func() ([]string, error) { return folders, nil }, func() {
		if f.refresh() || first {
			first = false
			use(f.table())
		}
	}, onError)
}
