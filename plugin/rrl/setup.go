// Package rrl is a CoreDNS plugin that limits how often one answer is sent to one network over UDP, where queries
// may be forged.
//
// A handler wraps the writer of each query that may be limited, and judges the reply when it is written. It runs no
// goroutines and has fixed memory.
package rrl

import (
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/plugin/internal/cookie"
	"github.com/nearcast/nearcast/plugin/internal/udp"
)

func init() { plugin.Register("rrl", setup) }

func setup(c *caddy.Controller) error {
	s, err := parse(c)
	if err != nil {
		return plugin.Error("rrl", err)
	}
	r := newRRL(s)
	r.quic = slices.ContainsFunc(c.ServerBlockKeys, udp.CarriesQUIC)
	config := dnsserver.GetConfig(c)
	c.OnStartup(func() error {
		for _, h := range config.Handlers() {
			if k, ok := h.(cookie.Keeper); ok {
				r.cookies = k.Cookies()
			}
		}
		return nil
	})
	config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		r.next = next
		return r
	})
	return nil
}
