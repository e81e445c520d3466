// Package signature remembers which algorithm signed a query: the plugin tsig tells the plugins behind it only the
// key, and removes the signature.
package signature

import (
	"context"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/tsig"
	"github.com/miekg/dns"
)

// Remember is for the setup of a plugin that calls By: it puts a remembering handler before all plugins of the
// block.
func Remember(config *dnsserver.Config) {
	first := func(next plugin.Handler) plugin.Handler { return remembering{next} }
	config.Plugin = append([]plugin.Plugin{first}, config.Plugin...)
}

// By returns the key, canonical, whose valid signature a query had, and the algorithm; "" if it was not signed, or
// the algorithm was not remembered.
func By(ctx context.Context) (key, algorithm string) {
	key, _ = tsig.ValidatedKeyName(ctx)
	algorithm, _ = ctx.Value(remembered{}).(string)
	return key, algorithm
}

type remembered struct{}

// remembering is the handler.
type remembering struct{ plugin.Handler }

// Name implements plugin.Handler.
func (remembering) Name() string { return "signature" }

// ServeDNS implements plugin.Handler.
func (h remembering) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if t := r.IsTsig(); t != nil {
		ctx = context.WithValue(ctx, remembered{}, dns.CanonicalName(t.Algorithm))
	}
	return plugin.NextOrFailure(h.Name(), h.Handler, ctx, w, r)
}
