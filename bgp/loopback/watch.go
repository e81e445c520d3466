package loopback

import (
	"context"
	"fmt"

	"github.com/nearcast/nearcast/bgp/internal/rtnetlink"
)

// Watch implements bgp.Binder. A link that goes down loses its addresses' routes: the local routes
// show which addresses work.
func (b *Binder) Watch(ctx context.Context, changed func()) error {
	if err := rtnetlink.Watch(ctx, rtnetlink.LocalRoutes, changed); err != nil {
		return fmt.Errorf("the addresses of this machine are not watched: %w", err)
	}
	return nil
}
