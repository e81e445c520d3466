package routerconfig

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/config"
)

// unloaded are the routers whose software has never loaded our output.
var unloaded = []string{"junos", "ios-xr", "eos", "srlinux", "sonic", "vyos"}

// statement is a row of REFERENCES.md.
type statement struct {
	text    string
	matches *regexp.Regexp
	used    bool
}

var tableRow = regexp.MustCompile("^\\| `([^`]+)` \\| (.+) \\|$")

// references returns the statements of each router in REFERENCES.md.
func references(t *testing.T) map[string][]*statement {
	t.Helper()
	page, err := os.ReadFile("REFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	all, router := map[string][]*statement{}, ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			router = name
		} else if m := tableRow.FindStringSubmatch(line); m != nil {
			text := strings.ReplaceAll(m[1], `\|`, "|")
			all[router] = append(all[router], &statement{text: text, matches: pattern(text)})
		}
	}
	return all
}

var (
	choice   = regexp.MustCompile(`[a-z0-9-]+(\\\|[a-z0-9-]+)+`)
	optional = regexp.MustCompile(`\\\[([a-z\\*,]+(?: [a-z\\*]+)?)\\\]( ?)`)
)

// pattern returns what a statement of the table matches: a value that ends the line
// may have several words.
func pattern(text string) *regexp.Regexp {
	text = choice.ReplaceAllString(regexp.QuoteMeta(text), "($0)")
	text = strings.NewReplacer(`\|`, "|").Replace(text)
	text = optional.ReplaceAllString(text, "($1$2)?")
	last := ""
	if rest, ok := strings.CutSuffix(text, `\*`); ok {
		text, last = rest, ".+"
	}
	return regexp.MustCompile("^" + strings.ReplaceAll(text, `\*`, `\S+`) + last + "$")
}

// TestEveryUntestedStatementHasAReference compares the table with the
// texts, and those of peers that have what those of testdata lack.
func TestEveryUntestedStatementHasAReference(t *testing.T) {
	table := references(t)
	note := func(t *testing.T, router, line string) {
		found := false
		for _, s := range table[router] {
			if router == "sonic" && s.text == line || router != "sonic" && s.matches.MatchString(line) {
				found, s.used = true, true
			}
		}
		if !found {
			t.Errorf("REFERENCES.md lacks %q of %s", line, router)
		}
	}
	look := func(t *testing.T, router, text string) {
		switch {
		case router == "sonic":
			for _, line := range columnsOf(t, table["sonic"], text) {
				note(t, router, line)
			}
		case slices.Contains(unloaded, router):
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "!") {
					note(t, router, line)
				}
			}
		}
	}
	each(t, func(t *testing.T, router string, _ *config.Config, _ *config.Peer, text string) {
		look(t, router, text)
	})
	for _, peer := range []struct{ text, more string }{
		{"{address: 192.0.2.1, asn: 64500, multihop: 3, passwordFile: /k}", ""},
		{"{address: 192.0.2.1, asn: 64500, gtsm: true, families: [ipv4, ipv6], nextHop: \"2001:db8::1\"}", "vips: [{address: 198.51.100.53, checks: [{tcp: {address: \"127.0.0.1:53\"}}]}]"},
		{"{address: 192.0.2.1, asn: 64500}", `listen: ["192.0.2.11:1790"]`},
	} {
		c := parse(t, peer.text, peer.more)
		for _, router := range unloaded {
			for _, speakers := range [][]string{nil, {"192.0.2.11/32", "192.0.2.12/32"}} {
				var text strings.Builder
				if err := Write(&text, router, c, &c.Peers[0], prefixes(speakers...)...); err != nil {
					t.Errorf("%s for %s: %v", router, peer.text, err)
				}
				look(t, router, text.String())
			}
		}
	}
	for router, statements := range table {
		for _, s := range statements {
			if !s.used {
				t.Errorf("REFERENCES.md has %q of %s, which is never written", s.text, router)
			}
		}
	}
}

// columnsOf returns the rows of the table that have the columns of each table in
// the text, and what has none.
func columnsOf(t *testing.T, rows []*statement, text string) []string {
	_, text, _ = strings.Cut(text, "<<'END'\n")
	text, _, _ = strings.Cut(text, "\nEND\n")
	var d map[string]map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for table, keys := range d {
		for _, columns := range keys {
			i := slices.IndexFunc(rows, func(s *statement) bool { return strings.HasPrefix(s.text, table+":") })
			for column := range columns {
				if i < 0 || !slices.Contains(strings.Fields(rows[i].text), column) {
					lines = append(lines, table+": "+column)
				}
			}
			if i >= 0 {
				lines = append(lines, rows[i].text)
			}
		}
	}
	return lines
}
