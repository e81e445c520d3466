// Package signature remembers by which algorithm a query was signed: the plugin tsig
// tells those behind it the key alone, and takes the signature off.
package signature

import (
	"context"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/tsig"
	"github.com/miekg/dns"
)

// Remember is for the setup of a plugin that calls By: it puts what remembers before all
// plugins of the block.
func Remember(config *dnsserver.Config) {
	first := func(next plugin.Handler) plugin.Handler { return remembering{next} }
	config.Plugin = append([]plugin.Plugin{first}, config.Plugin...)
}

// By returns the key, canonical, that a query was rightly signed with, and the
// algorithm; "" where it was not signed, or nobody remembers the algorithm.
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
