package config

import (
	"strings"
	"testing"
)

// TestEveryFaultOfALineIsListed: a peer or a VIP in braces has all its keys on one line.
func TestEveryFaultOfALineIsListed(t *testing.T) {
	const file = `asn: 64512
routerID: 192.0.2.11
peers:
  - {address: 192.0.2.1, asn: 64500}
`
	for _, c := range []struct {
		more string
		want []string
	}{
		{"attributes: {preppend: 2, localpref: 100, community: ['64500:1']}", []string{"peers[0].attributes.preppend: unknown key; did you mean prepend?", "localpref: unknown key", "community: unknown key; did you mean communities?"}},
		{"attributes: {med: 1.5, localpref: 100}", []string{"1.5 is not a whole number", "localpref: unknown key"}},
		{"attributes: {communities: [no-exprt], localpref: 100}", []string{`"no-exprt" is not`, "localpref: unknown key"}},
		{"vip: [198.51.100.0/24], grp: tor", []string{"peers[0].vip: unknown key; did you mean vips?", "grp: unknown key"}},
		{"holdTime: 3sec, port: [1]", []string{`peers[0].holdTime: "3sec" is not a duration, such as 1s or 500ms`, "port: cannot be a list; write a number"}},
		{"bfd: maybe, gtsm: perhaps", []string{`peers[0].bfd: "maybe" is not true or false`, `"perhaps"`}},
		{"bfd: maybe, gtsm: m", []string{`"maybe"`, `"m"`}},
		{"families: ipv4, vips: 198.51.100.0/24", []string{`peers[0].families: "ipv4" is not a list`, `"198.51.100.0/24" is not a list`}},
		{"vips: [198.51.100.0]", []string{`"198.51.100.0" is not a prefix`}},
	} {
		_, err := Parse([]byte(strings.Replace(file, "asn: 64500}", "asn: 64500, "+c.more+"}", 1)))
		if err == nil {
			t.Errorf("%s was accepted", c.more)
			continue
		}
		if got := strings.Split(err.Error(), "\n"); len(got) != len(c.want) {
			t.Errorf("%s: got %d faults, want %d:\n%v", c.more, len(got), len(c.want), err)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "line 4: ") {
				t.Errorf("%s:\n%v\nwant %s", c.more, err, want)
			}
		}
	}
}
