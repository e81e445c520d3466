// Package direct is a CoreDNS plugin that answers plain queries over UDP where it reads them, without a goroutine
// for each.
//
// For each datagram, CoreDNS starts a goroutine, whose stack must grow again as the query goes down the chain of
// plugins, and for each reply it makes a system call. direct opens its own sockets beside CoreDNS's on the same
// address, reads and writes them in batches, and runs the same server's chain on the reader's own goroutine. It
// does so only for queries that are answered without waiting; all others go through a server like the one that
// CoreDNS runs. Either way the server's own ServeDNS answers, so answers, metrics and access rules are the same.
package direct

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
)

var log = clog.NewWithPlugin("direct")

func init() { plugin.Register("direct", setup) }

func setup(c *caddy.Controller) error {
	b, err := parseLine(c)
	if err != nil {
		return plugin.Error("direct", err)
	}
	i := instanceOf(c)
	b.config = dnsserver.GetConfig(c)
	i.blocks = append(i.blocks, b)
	// CoreDNS calls this with each server that begins to serve UDP. It decorates nothing.
	b.config.UDPDecorateWriterFunc = func(s *dnsserver.Server) dns.DecorateWriter {
		i.serve(s)
		return nil
	}
	return nil
}
