// Package hint is what the resolver tells the speaker of its site: which shared
// addresses are to leave it, since Karmada moves their function away. The local
// cluster's API would show that only when the endpoints go.
package hint

import (
	"context"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/admin"
)

// Path is where a speaker takes hints on its admin socket.
const Path = "/hints"

// Last is how long hints hold without being told again: a resolver that died must
// not keep an address away.
const Last = 30 * time.Second

// Hint is the word that a VIP is to leave this site.
type Hint struct {
	VIP netip.Addr `json:"vip"`
	// Namespace is that of the functions whose VIP it is for the resolver. For the speaker
	// it may be another's, which the hint then does not move.
	Namespace string `json:"namespace"`
	Reason    string `json:"reason"`
}

// Tell gives all the hints to the speaker at the socket, in the place of those that
// it was told before.
func Tell(ctx context.Context, socket string, all []Hint) error {
	if all == nil {
		all = []Hint{} // JSON's null would be nothing said
	}
	return admin.Put(ctx, socket, Path, all)
}
