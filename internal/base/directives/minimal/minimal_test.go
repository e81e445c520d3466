package minimal

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/internal/base/directives"
	_ "github.com/nearcast/nearcast/plugin/direct"
	_ "github.com/nearcast/nearcast/plugin/nearcast"
	_ "github.com/nearcast/nearcast/plugin/rpz"
	_ "github.com/nearcast/nearcast/plugin/rrl"
	_ "github.com/nearcast/nearcast/plugin/tcp"
)

// TestTheMinimalDirectivesAreThoseOfItsPlugins: a directive without its plugin would pass
// the check of a Corefile, and a plugin without its directive could not be used.
func TestTheMinimalDirectivesAreThoseOfItsPlugins(t *testing.T) {
	var linked []string
	for _, name := range caddy.ListPlugins()["others"] {
		if directive, ok := strings.CutPrefix(name, "dns."); ok {
			linked = append(linked, directive)
		}
	}
	slices.Sort(linked)
	if !slices.Equal(linked, directives.Minimal) {
		t.Errorf("internal/base/directives/minimal links\n%v, and internal/base/directives has\n%v", linked, directives.Minimal)
	}
}
