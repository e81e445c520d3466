package nearcast

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// render answers a query from an address like the first block that has the longest zone of the name. The query
// passes no other plugin, and is counted like any other.
func render(blocks []*Nearcast) site.Renderer {
	return func(query *dns.Msg, from netip.Addr) (*dns.Msg, bool, error) {
		var buf [maxName]byte
		name := canonical(&buf, query.Question[0].Name)
		n := responsible(blocks, name)
		if n == nil {
			return nil, false, fmt.Errorf("%s is not in a zone that is served here", query.Question[0].Name)
		}
		w := &capture{from: &net.UDPAddr{IP: from.AsSlice(), Port: 53}}
		rcode, err := n.ServeDNS(context.Background(), w, query)
		switch {
		case err != nil:
			return nil, false, err
		case w.passed:
			return nil, false, fmt.Errorf("%s falls through to the next plugin", query.Question[0].Name)
		case w.reply == nil: // CoreDNS would write it
			return new(dns.Msg).SetRcode(query, rcode), false, nil
		}
		return w.reply, w.fixed, nil
	}
}

// responsible returns the first block that has the longest zone of the name, or nil.
func responsible(blocks []*Nearcast, name []byte) (who *Nearcast) {
	var longest *Zone
	for _, n := range blocks {
		if z := n.zoneOf(name); z != nil && (longest == nil || len(z.Name) > len(longest.Name)) {
			who, longest = n, z
		}
	}
	return who
}

// capture keeps a reply instead of sending it, and what the next plugin passes on.
type capture struct {
	dns.ResponseWriter // only the methods below are called
	from               net.Addr
	reply              *dns.Msg
	passed             bool
	// aliases is how many aliases have led to the query.
	aliases int
	// fixed is set if the file of records alone has answered. The others are what the reply depends on.
	fixed   bool
	steered bool
	choice  steer.Choice
	ede     *dns.EDNS0_EDE
}

// note keeps what a reply does not say of itself.
func (c *capture) note(a *answer) {
	c.fixed, c.steered, c.choice, c.ede = a.owner.kind == ownerFixed, a.steered, a.choice, a.ede
}

func (c *capture) RemoteAddr() net.Addr          { return c.from }
func (c *capture) WriteMsg(reply *dns.Msg) error { c.reply = reply; return nil }

// frozen is a state that does not change: it is read from files once.
type frozen struct{ view *site.View }

func (f frozen) View() *site.View     { return f.view }
func (f frozen) Confirmed() time.Time { return time.Now() }

// Explain returns what the blocks of a Corefile would answer for the name to a client at from, from the Corefile's
// files alone.
func Explain(corefile, name string, from netip.Addr) (*site.Explanation, error) {
	sources, faults, _ := sourcesOf(corefile)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	last := fmt.Errorf("%s has no nearcast block; to explain what policy zones do, ask a running server with --admin", corefile)
	for _, o := range sources {
		view, err := site.Once(o.config)
		if err != nil {
			return nil, err
		}
		o.serve(frozen{view})
		e, err := view.Explain(name, from, nil, render(o.blocks))
		if err == nil {
			return e, nil
		}
		last = err
	}
	return nil, last
}
