package nearcast

import (
	"context"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/udp"
)

// bound limits the reply over plain UDP to the size that passes every network, as bufsize does. If the block has
// bufsize, that size counts.
func (n *Nearcast) bound(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) {
	if opt := r.IsEdns0(); opt != nil && opt.UDPSize() > udp.MaxSize && !n.sized && udp.Plain(ctx, w) {
		opt.SetUDPSize(udp.MaxSize)
	}
}

// fit empties a reply over plain UDP that is too long.
func (a *answer) fit(w dns.ResponseWriter) {
	if !a.short() && a.msg.Len() > dns.MinMsgSize && udp.Plain(a.ctx, w) {
		udp.Fit(&a.msg, udp.Size(a.query))
	}
}

// shortName is the longest name that a reply can contain twice, with an address and all possible options, within
// 512 octets.
const shortName = 128

// short reports whether the reply is of the common kind that fits without being measured.
func (a *answer) short() bool {
	if len(a.msg.Answer) != 1 || len(a.msg.Ns) > 0 || len(a.msg.Extra) > 1 || len(a.name()) > shortName {
		return false
	}
	t := a.msg.Answer[0].Header().Rrtype
	return t == dns.TypeA || t == dns.TypeAAAA
}
