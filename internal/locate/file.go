package locate

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/regular"
	"github.com/nearcast/nearcast/internal/watch"
)

// MaxSize bounds a table or database, in octets: the largest databases that are sold have
// some hundred MiB.
const MaxSize = 1 << 30

// maxFaults bounds the lines of a table that are named.
const maxFaults = 100

// mark is the byte order mark with which some editors begin a file.
const mark = "\ufeff"

// Parse reads lines of WHO,region[,zone[,lat,lon]] where WHO is a prefix, the
// number of an autonomous system (AS64500) or "resolver" and a prefix; empty
// lines and those that start with # are skipped. A bad line is refused alone, as
// a fault.
func Parse(file string, r io.Reader) ([]Entry, []federation.Fault, error) {
	var entries []Entry
	var faults []federation.Fault
	first, more := map[Entry]int{}, 0
	scanner := bufio.NewScanner(r)
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), mark))
		if text == "" || text[0] == '#' {
			continue
		}
		e, who, err := parseLine(text)
		key := e
		key.Location = Location{}
		if before, twice := first[key]; err == nil && twice {
			err = fmt.Errorf("%s is already on line %d", who, before)
		}
		if err != nil {
			if more++; more <= maxFaults {
				faults = append(faults, federation.Fault{File: file, Line: line, Reason: err.Error()})
			}
			continue
		}
		first[key] = line
		entries = append(entries, e)
	}
	if err := scanner.Err(); err != nil {
		return nil, nil, fmt.Errorf("locations %s: %w", file, err)
	}
	if more -= maxFaults; more > 0 {
		faults = append(faults, federation.Fault{File: file, Reason: fmt.Sprintf("and %d more lines", more)})
	}
	return entries, faults, nil
}

func parseLine(text string) (e Entry, who string, err error) {
	fields := strings.Split(text, ",")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	who = fields[0]
	if len(fields) < 2 || len(fields) > 5 || len(fields) == 4 || fields[1] == "" {
		return e, who, fmt.Errorf("%s is not prefix,region[,zone[,lat,lon]]", shown(text))
	}
	if e, err = parseWho(who); err != nil {
		return e, who, err
	}
	e.Location.Region = fields[1]
	if len(fields) > 2 {
		e.Location.Zone = fields[2]
	}
	if len(fields) == 5 {
		e.Location.Coordinates, err = federation.ParseCoordinates(fields[3] + "," + fields[4])
	}
	return e, who, err
}

// harmless is what lines of a table look like. Another file, to which a link may lead, is
// not repeated in messages.
var harmless = regexp.MustCompile(`^[0-9A-Za-z.:/, _-]{0,64}$`)

func shown(text string) string {
	if harmless.MatchString(text) {
		return strconv.Quote(text)
	}
	return "the line"
}

func parseWho(who string) (Entry, error) {
	if digits, ok := strings.CutPrefix(strings.ToUpper(who), "AS"); ok {
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n == 0 {
			return Entry{}, fmt.Errorf("%s is not the number of an autonomous system, such as AS64500", shown(who))
		}
		return Entry{ASN: uint32(n)}, nil
	}
	text, resolver := strings.CutPrefix(who, "resolver ")
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddr(text); resolver && err == nil {
		text = fmt.Sprintf("%s/%d", a, a.BitLen())
	}
	prefix, err := parsePrefix(text)
	return Entry{Prefix: prefix, Resolver: resolver}, err
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%s is not a prefix", shown(s))
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%s has bits set beyond its length; %s is meant?", p, p.Masked())
	}
	if e := embedded(p); e != nil {
		return netip.Prefix{}, fmt.Errorf("%s stands for IPv4 addresses; write it as IPv4", p)
	}
	return p, nil
}

// Files are what a Table is made of; each may be empty.
type Files struct {
	// Locations is a table as Parse reads it.
	Locations string
	// GeoIP are MMDBs: of autonomous systems, of cities or countries.
	GeoIP []string
}

// IsZero reports whether there is no file at all.
func (f Files) IsZero() bool { return f.Locations == "" && len(f.GeoIP) == 0 }

func (f Files) all() []string {
	all := slices.Clone(f.GeoIP)
	if f.Locations != "" {
		all = append(all, f.Locations)
	}
	return all
}

// Load reads the files and makes a Table of what is good in them.
func (f Files) Load() (*Table, []federation.Fault, error) {
	var entries []Entry
	var faults []federation.Fault
	if f.Locations != "" {
		file, err := regular.Open(f.Locations, MaxSize)
		if err != nil {
			return nil, nil, fmt.Errorf("locations: %w", err)
		}
		defer file.Close()
		if entries, faults, err = Parse(f.Locations, file); err != nil {
			return nil, nil, err
		}
	}
	var databases []*maxminddb.Reader
	numbered := false
	for _, path := range f.GeoIP {
		reader, err := openDatabase(path)
		if err != nil {
			return nil, nil, err
		}
		numbered = numbered || isASN(reader)
		databases = append(databases, reader)
	}
	if i := slices.IndexFunc(entries, func(e Entry) bool { return e.ASN != 0 }); i >= 0 && !numbered {
		faults = append(faults, federation.Fault{File: f.Locations, Reason: fmt.Sprintf(
			"AS%d is named, and no geoip database is one of autonomous systems: such lines have no effect", entries[i].ASN)})
	}
	table, err := New(entries, databases...)
	if err != nil {
		return nil, nil, fmt.Errorf("geoip: %w", err)
	}
	return table, faults, nil
}

// Watch calls use with the files' table now and after each change, until ctx
// ends. A file that cannot be read goes to onError, and the last table stays.
func (f Files) Watch(ctx context.Context, use func(*Table, []federation.Fault), onError func(error)) error {
	var folders []string
	for _, path := range f.all() {
		if folder := filepath.Dir(path); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	var last []regular.Identity
	return watch.Folders(ctx, func() ([]string, error) { return folders, nil }, func() {
		now := f.stat()
		if now != nil && slices.Equal(last, now) {
			return // something else in a folder changed
		}
		table, faults, err := f.Load()
		if err != nil {
			onError(err)
			return
		}
		last = now
		use(table, faults)
	}, onError)
}

// stat returns what the files are; nil where one is not there to be read.
func (f Files) stat() []regular.Identity {
	var all []regular.Identity
	for _, path := range f.all() {
		identity, there := regular.Identify(path)
		if !there {
			return nil
		}
		all = append(all, identity)
	}
	return all
}
