package locate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// MaxSize bounds a table or database, in octets: the largest commercial databases have a
// few hundred MiB.
const MaxSize = 1 << 30

// maxFaults bounds the bad lines of a table that are reported.
const maxFaults = 100

// mark is the byte order mark that some editors write at the start of a file.
const mark = "\ufeff"

// maxLine bounds a line of a table, in octets.
const maxLine = 4096

// Parse reads lines of WHO,region[,zone[,lat,lon]] where WHO is a prefix, the number of
// an autonomous system (AS64500), "resolver" and a prefix, or an Area; it skips empty lines and
// lines that start with #. It reports each bad line as a fault and reads the others.
func Parse(file string, r io.Reader) ([]Entry, []federation.Fault, error) {
	var entries []Entry
	var faults []federation.Fault
	first, more := map[Entry]int{}, 0
	reader := bufio.NewReaderSize(r, maxLine)
	for line := 1; ; line++ {
		text, err := nextLine(reader)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, errLong) {
			return nil, nil, fmt.Errorf("locations %s: %w", file, err)
		}
		if err == nil && (text == "" || text[0] == '#') {
			continue
		}
		var e Entry
		var who string
		if err == nil {
			e, who, err = parseLine(text)
		}
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
	if more -= maxFaults; more > 0 {
		faults = append(faults, federation.Fault{File: file, Reason: fmt.Sprintf("and %d more lines", more)})
	}
	return entries, faults, nil
}

var errLong = fmt.Errorf("the line has more than %d octets", maxLine)

// nextLine returns a line without surrounding spaces. If the line is too long, it reads
// the whole line and returns errLong.
func nextLine(r *bufio.Reader) (string, error) {
	raw, more, err := r.ReadLine()
	if err != nil {
		return "", err
	}
	if !more {
		return strings.TrimSpace(strings.TrimPrefix(string(raw), mark)), nil
	}
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return "", errLong
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

// harmless matches text that looks like a line of a table. Messages do not repeat the
// text of another file, to which a link may lead.
var harmless = regexp.MustCompile(`^[0-9A-Za-z.:/, _-]{0,64}$`)

func shown(text string) string {
	if harmless.MatchString(text) {
		return strconv.Quote(text)
	}
	return "the line"
}

func parseWho(who string) (Entry, error) {
	if len(who) >= 2 && strings.EqualFold(who[:2], "AS") {
		digits := who[2:]
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n == 0 {
			return Entry{}, fmt.Errorf("%s is not an autonomous system number such as AS64500", shown(who))
		}
		return Entry{ASN: uint32(n)}, nil
	}
	if area, is, err := parseArea(who); is {
		return Entry{Area: area}, err
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
		return netip.Prefix{}, fmt.Errorf("%s has bits set beyond its length; did you mean %s?", p, p.Masked())
	}
	if e := embedded(p); e != nil {
		return netip.Prefix{}, fmt.Errorf("%s stands for IPv4 addresses; write it as IPv4", p)
	}
	return p, nil
}

// Files are the inputs of a Table; each may be empty.
type Files struct {
	// Locations is a table in the format of Parse.
	Locations string
	// GeoIP are MMDBs of autonomous systems, of cities or countries, or of both.
	GeoIP []string
}

// IsZero reports whether no file is given.
func (f Files) IsZero() bool { return f.Locations == "" && len(f.GeoIP) == 0 }

func (f Files) all() []string {
	all := slices.Clone(f.GeoIP)
	if f.Locations != "" {
		all = append(all, f.Locations)
	}
	return all
}
