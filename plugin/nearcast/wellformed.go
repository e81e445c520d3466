package nearcast

import (
	"context"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// anothers reports whether a message that is not a query may be for a plugin behind this one: a secondary zone of
// the same name, or below a function's name, gets its NOTIFY.
func (n *Nearcast) anothers(z *Zone, name []byte, r *dns.Msg) bool {
	if n.Next == nil || !n.Fall.Through(r.Question[0].Name) {
		return false
	}
	return len(name) == len(z.Name) || !n.Prompt(name)
}

// severalOPTs reports whether the query has more than one OPT, which makes it
// malformed (RFC 6891, section 6.1.1).
func severalOPTs(r *dns.Msg) bool {
	if len(r.Extra) < 2 {
		return false
	}
	n := 0
	for _, rr := range r.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			n++
		}
	}
	return n > 1
}

// ofAnotherClass refuses a query for a name of ours in a class other than IN, for which the server has no zone, or
// passes it to the next plugin as it would the name.
func (n *Nearcast) ofAnotherClass(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if n.Next != nil && n.Fall.Through(r.Question[0].Name) {
		return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
	}
	return dns.RcodeRefused, nil // CoreDNS writes it
}
