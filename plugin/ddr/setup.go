// Package ddr is a CoreDNS plugin that answers for resolver.arpa, where clients look
// for the encrypted protocols of their resolver (RFC 9462). What it answers is
// parsed once and never changes, so that any goroutine may read it.
package ddr

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/plugin/internal/certificate"
)

func init() { plugin.Register("ddr", setup) }

func setup(c *caddy.Controller) error {
	s, err := parse(c)
	if err != nil {
		return plugin.Error("ddr", err)
	}
	dnsserver.GetConfig(c).AddPlugin(s.handler)
	if err := Guard(c); err != nil {
		return plugin.Error("ddr", err)
	}
	certificate.Follow(c)
	return nil
}

// handler makes the block's handler.
func (s *stanza) handler(next plugin.Handler) plugin.Handler {
	return &DDR{Next: next, answers: answersOf(s.designations, s.ttl)}
}
