package config

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/route"
)

// TestTheCommunitiesInTheManPageAreValid loads the forms of the table and the example of link
// bandwidth.
func TestTheCommunitiesInTheManPageAreValid(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?ms)^~~~\n(states:\n.*?)^~~~$").FindSubmatch(page)
	if example == nil {
		t.Fatal("the page has no example")
	}
	before, _, _ := strings.Cut(good, "states:")
	c, err := Parse([]byte(before + string(example[1])))
	if err != nil || c.States.Up.LinkBandwidth != 10_000_000_000 || c.States.Degraded.LinkBandwidth != 2_500_000_000 || c.States.Draining.LinkBandwidth != 2_500_000_000 {
		t.Errorf("%v: %+v", err, c)
	}
	_, section, _ := strings.Cut(string(page), "### Communities")
	section, _, _ = strings.Cut(section, "### Link bandwidth")
	forms := regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1)
	if len(forms) < 9 {
		t.Errorf("the page lists only %d forms", len(forms))
	}
	for _, form := range forms {
		for _, text := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(form[1], -1) {
			if err := new(route.Communities).UnmarshalJSON([]byte("[" + strconv.Quote(text[1]) + "]")); err != nil {
				t.Error(err)
			}
		}
	}
}
