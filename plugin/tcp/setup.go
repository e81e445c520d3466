// Package tcp is a CoreDNS plugin that bounds the connections of clients, in all and by
// network, for all servers of a process, and hands connections over to the next
// configuration.
//
// A table has every connection. Its lock is taken when one is opened or closed, but not for a query, which only
// stores its time in its connection.
package tcp

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/plugin/internal/seldom"
)

var (
	log    = clog.NewWithPlugin("tcp")
	rarely = seldom.New(log.Warningf)
)

// connections are those of the process, and share its limit on files.
var connections = newTable()

func init() {
	plugin.Register("tcp", setup)
	// After the last directive, nothing asks for the context before servers are made.
	last := dnsserver.Directives[len(dnsserver.Directives)-1]
	caddy.RegisterParsingCallback("dns", last, interpose)
}

// key is the storage key of the directive in a configuration.
type key struct{}

func setup(c *caddy.Controller) error {
	l, err := parseLine(c)
	if err != nil {
		return plugin.Error("tcp", err)
	}
	before, ok := c.Get(key{}).(line)
	if ok && before.bounds != l.bounds {
		return plugin.Error("tcp", c.Errf("the limits apply to the whole process, and %s sets different ones; make them equal", before.at))
	}
	c.Set(key{}, l)
	return nil
}
