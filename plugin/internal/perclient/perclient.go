// Package perclient keeps what depends on who asks out of CoreDNS's cache, whose keys
// know no client, and has the reply to a query with a client-subnet option echo it.
//
// A plugin that resolves a name inside the server, as file does for the target of an
// alias, copies records into a reply of its own: a cache in front of it sees neither where
// they come from nor their scope. What it does pass on is the query's context. So
// a handler whose answers depend on the client says Mark and Echo to the context, and
// handlers that Guard puts around every cache, and in front of every chain that needs one,
// hear it.
//
// Nothing here outlives its query. A refresh of the cache has the context of the query
// that caused it and runs beside it, so what it notes is atomic.
package perclient

import (
	"context"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// Mark says that the answer to the context's query depends on who asks: no cache between
// here and the client keeps it.
func Mark(ctx context.Context) { heard(ctx).note() }

// heard returns what hears of the answer to the context's query, or nil.
func heard(ctx context.Context) *dependence {
	d, _ := ctx.Value(dependenceKey{}).(*dependence)
	return d
}

// Echo says that the answer to the context's query has echoed its client-subnet option,
// with the scope of RFC 7871, section 7.2.1, in bits. The client's reply gets the
// longest of those that went into it.
func Echo(ctx context.Context, scope uint8) {
	if e, ok := ctx.Value(echoKey{}).(*echo); ok {
		e.note(scope)
	}
}

// dependence is what a cache hears of the answer to one query.
type dependence struct {
	noted atomic.Bool
	// outer is that of the query for whose answer this one is asked; nil for none.
	outer *dependence
}

type dependenceKey struct{}

// note notes that the answer, and those that are made of it, depend on who asks.
func (d *dependence) note() {
	for ; d != nil; d = d.outer {
		d.noted.Store(true)
	}
}

// scoped reports whether the message says that it is for one part of the clients (RFC
// 7871, section 7.3.1).
func scoped(m *dns.Msg) bool {
	subnet := client.Subnet(m)
	return subnet != nil && subnet.SourceScope > 0
}
