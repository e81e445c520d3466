// Package direct is a CoreDNS plugin that answers plain queries over UDP where it
// reads them.
//
// CoreDNS starts a goroutine for each datagram, whose stack grows again each time
// as the query goes down the chain of plugins, and makes a system call for each
// reply. direct opens sockets of its own beside CoreDNS's on the same address,
// reads and writes them in batches, and runs the same server's chain on the
// reader's own goroutine. It does so only with what is answered without waiting;
// everything else goes through a server of the kind that CoreDNS runs. Either way
// it is the server's own ServeDNS that answers, so that answers, metrics and
// access rules are the same.
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
	// CoreDNS calls this with each server as it begins to serve UDP; it decorates nothing.
	b.config.UDPDecorateWriterFunc = func(s *dnsserver.Server) dns.DecorateWriter {
		i.serve(s)
		return nil
	}
	return nil
}
