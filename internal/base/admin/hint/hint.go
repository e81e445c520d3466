// Package hint carries hints from the resolver to the speaker of its site: which shared
// addresses should leave the site because Karmada moves their function away. The local
// cluster's API would show that only when the endpoints disappear.
package hint

import (
	"context"
	"net/netip"
	"time"

	"github.com/nearcast/nearcast/internal/base/admin"
)

// Path is where a speaker takes hints on its admin socket.
const Path = "/hints"

// Last is how long hints hold without a refresh: if the resolver dies, it must not keep
// an address away.
const Last = 30 * time.Second

// Hint asks the speaker to withdraw a VIP from this site.
type Hint struct {
	VIP netip.Addr `json:"vip"`
	// Namespace is the namespace of the functions that the resolver has at the VIP. If the
	// speaker has the VIP in another namespace, it ignores the hint.
	Namespace string `json:"namespace"`
	Reason    string `json:"reason"`
}

// Tell sends all hints to the speaker at the socket. They replace those sent before.
func Tell(ctx context.Context, socket string, all []Hint) error {
	if all == nil {
		all = []Hint{} // null in JSON would mean that nothing was sent
	}
	return admin.Put(ctx, socket, Path, all)
}
