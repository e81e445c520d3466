package nearcast

import (
	"fmt"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/plugin/ddr"
	"github.com/nearcast/nearcast/plugin/internal/certificate"
	"github.com/nearcast/nearcast/plugin/internal/perclient"
	"github.com/nearcast/nearcast/plugin/internal/signature"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
)

var log = clog.NewWithPlugin("nearcast")

func init() { plugin.Register("nearcast", setup) }

func setup(c *caddy.Controller) error {
	s, err := parse(c)
	if err != nil {
		return plugin.Error("nearcast", err)
	}
	if err := ddr.Guard(c); err != nil {
		return plugin.Error("nearcast", err)
	}
	certificate.Follow(c)
	i := instanceOf(c)
	config := dnsserver.GetConfig(c)
	own := ownAddrs(config.ListenHosts)
	n := &Nearcast{Zones: s.zoneList(own), Fall: s.fall, settings: s.settings, instance: i}
	if err := i.add(n, s); err != nil {
		return plugin.Error("nearcast", err)
	}
	n.server = config
	if slices.ContainsFunc(s.feeds, func(l feed.Line) bool { return l.Key != "" }) {
		signature.Remember(config)
	}
	c.OnStartup(func() error {
		n.sized = config.Handler("bufsize") != nil
		for _, warning := range s.logged(own) {
			log.Warningf("%v", warning)
		}
		if len(s.keys) > 0 && config.Handler("dnssec") != nil {
			return plugin.Error("nearcast", fmt.Errorf("%s: sign: this block also has the plugin dnssec, which would sign the answers again; remove one of the two", s.at))
		}
		return nil
	})
	config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		n.Next = next
		return n
	})
	if err := perclient.Guard(c); err != nil {
		return plugin.Error("nearcast", err)
	}
	return nil
}
