package nearcast

import (
	"github.com/coredns/coredns/plugin/pkg/fall"

	"github.com/nearcast/nearcast/internal/site"
)

// Prompt reports whether a query for the name, fully qualified and in lower case,
// is answered without asking another plugin. It takes no lock and does not
// allocate.
func (n *Nearcast) Prompt(name []byte) bool {
	if n.zoneOf(name) == nil {
		return false
	}
	if n.Fall.Equal(fall.Zero) {
		return true
	}
	view := n.site.View()
	if view == nil {
		return true // every answer is SERVFAIL
	}
	// A name covered by a wildcard may still be another's: below a tenant's own name, or a name server's.
	_, existence := view.Names.Lookup(name, nil)
	return existence == site.Exact
}
