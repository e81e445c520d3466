package locate

import (
	"bufio"
	"cmp"
	"context"

	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/watch"
)

// Parse reads lines of prefix,region[,zone[,lat,lon]]; empty lines and those
// that start with # are skipped. A bad line is refused alone, as a fault.
func Parse(file string, r io.Reader) ([]Entry, []federation.Fault, error) {
	var entries []Entry
	var faults []federation.Fault
	first := map[netip.Prefix]int{}
	scanner := bufio.NewScanner(r)
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimSpace(scanner.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		e, err := parseLine(text)
		if before, twice := first[e.Prefix]; err == nil && twice {
			err = fmt.Errorf("%s is already on line %d", e.Prefix, before)
		}
		if err != nil {
			faults = append(faults, federation.Fault{File: file, Line: line, Reason: err.Error()})
			continue
		}
		first[e.Prefix] = line
		entries = append(entries, e)
	}
	if err := scanner.Err(); err != nil {
		return nil, nil, fmt.Errorf("locations %s: %w", file, err)
	}
	return entries, faults, nil
}

func parseLine(text string) (Entry, error) {
	fields := strings.Split(text, ",")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	if len(fields) < 2 || len(fields) > 5 || len(fields) == 4 || fields[1] == "" {
		return Entry{}, fmt.Errorf("%q is not prefix,region[,zone[,lat,lon]]", text)
	}
	prefix, err := parsePrefix(fields[0])
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Prefix: prefix, Location: Location{Region: fields[1]}}
	if len(fields) > 2 {
		e.Location.Zone = fields[2]
	}
	if len(fields) == 5 {
		e.Location.Coordinates, err = federation.ParseCoordinates(fields[3] + "," + fields[4])
	}
	return e, err
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is not a prefix", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%s has bits set beyond its length; %s is meant?", p, p.Masked())
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%s is IPv4-mapped; write it as IPv4", p)
	}
	return p, nil
}

// Load reads the file and makes a Table of its good lines.
func Load(path string) (*Table, []federation.Fault, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("locations: %w", err)
	}
	defer f.Close()
	entries, faults, err := Parse(path, f)
	if err != nil {
		return nil, nil, err
	}
	return New(entries), faults, nil
}

// Watch calls use with the file's table now and after each change, until ctx
// ends. A file that cannot be read goes to onError, and the last table stays.
func Watch(ctx context.Context, path string, use func(*Table, []federation.Fault), onError func(error)) error {
	folder := filepath.Dir(path)
	var last os.FileInfo
	return watch.Folders(ctx, func() ([]string, error) { return []string{folder}, nil }, func() {
		info, err := os.Stat(path)
		if err == nil && last != nil && os.SameFile(info, last) && info.ModTime().Equal(last.ModTime()) && info.Size() == last.Size() {
			return // something else in the folder changed
		}
		table, faults, loadErr := Load(path)
		if err := cmp.Or(loadErr, err); err != nil {
			onError(err)
			return
		}
		last = info
		use(table, faults)
	}, onError)
}
