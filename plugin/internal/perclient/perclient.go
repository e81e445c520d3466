// Package perclient keeps answers that depend on the client out of CoreDNS's cache, whose keys do not include the
// client, and echoes the client-subnet option in the reply to a query that has one.
//
// A plugin that resolves a name inside the server, as file does for the target of an alias, copies records into its
// own reply: a cache in front of it sees neither where they come from nor their scope. The plugin does pass on the
// query's context, however. So a handler whose answers depend on the client calls Mark and Echo with the context,
// and the handlers that Guard puts around every cache, and in front of every chain that needs one, are notified.
//
// Nothing here outlives its query. A cache refresh has the context of the query that caused it and runs
// concurrently, so notes are atomic.
package perclient

import (
	"context"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// Mark notes that the answer to the context's query depends on the client: no cache between here and the client
// stores it.
func Mark(ctx context.Context) { heard(ctx).note() }

// heard returns what is notified of the answer to the context's query, or nil.
func heard(ctx context.Context) *dependence {
	d, _ := ctx.Value(dependenceKey{}).(*dependence)
	return d
}

// Echo notes that the answer to the context's query has echoed its client-subnet option, with the scope of RFC
// 7871, section 7.2.1, in bits. The client's reply gets the longest scope of the answers that it is made of.
func Echo(ctx context.Context, scope uint8) {
	if e, ok := ctx.Value(echoKey{}).(*echo); ok {
		e.note(scope)
	}
}

// dependence is what a cache learns about the answer to one query.
type dependence struct {
	noted atomic.Bool
	// outer is the dependence of the query for whose answer this query is made; nil if there is none.
	outer *dependence
}

type dependenceKey struct{}

// note notes that the answer, and those made from it, depend on the client.
func (d *dependence) note() {
	for ; d != nil; d = d.outer {
		d.noted.Store(true)
	}
}

// scoped reports whether the message is for a part of the clients only (RFC 7871, section 7.3.1).
func scoped(m *dns.Msg) bool {
	subnet := client.Subnet(m)
	return subnet != nil && subnet.SourceScope > 0
}
