package nearcast

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/domain"
	"github.com/nearcast/nearcast/plugin/internal/signature"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
	"github.com/nearcast/nearcast/plugin/nearcast/records"
)

// serveFeed answers queries to the block's feeds: all names at and below theirs, and the SOA and transfers of a
// zone if one of its feeds is for this client.
func (n *Nearcast) serveFeed(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, z *Zone, name []byte) (answered bool, rcode int, err error) {
	qtype := r.Question[0].Qtype
	transfer := qtype == dns.TypeAXFR || qtype == dns.TypeIXFR
	policies := z.feeds != "" && domain.Under(name, z.feeds)
	if !policies && !transfer && (qtype != dns.TypeSOA || len(name) != len(z.Name)) {
		return false, 0, nil
	}
	who := feed.Identity{Source: client.Source(w.RemoteAddr())}
	who.Key, who.Algorithm = signature.By(ctx)
	var zone feed.ClientZone
	var may bool
	switch {
	case policies:
		zone, may = n.exports.Policy(string(name), who)
	case len(name) == len(z.Name):
		zone, may = n.exports.Plain(z.Name, who)
	}
	switch {
	case may && (!transfer || streams(ctx)):
		rcode, err = zone.Serve(w, r)
		return true, rcode, err
	case policies || transfer:
		return true, dns.RcodeRefused, nil // CoreDNS writes it
	}
	return false, 0, nil
}

// streams reports whether the server's transport can carry a transfer: over HTTP, QUIC and gRPC, CoreDNS sends a
// single message.
func streams(ctx context.Context) bool {
	s, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	return !ok || strings.HasPrefix(s.Addr, transport.DNS+"://") || strings.HasPrefix(s.Addr, transport.TLS+"://")
}

// export starts the block's feeds, and returns nil if it has none.
func (n *Nearcast) export(config site.Config, source feed.Source) *feed.Set {
	if len(n.settings.feeds) == 0 {
		return nil
	}
	c := feed.Config{
		Lines: n.settings.feeds, TTL: feedTTL{&n.settings.ttls}, Dir: config.Snapshot, Source: config.Source.Key(),
		Secrets: n.server.TsigSecret, Settle: config.Probe.Interval + config.Probe.Timeout, Awake: config.Probe.Idle / 4, Log: log,
	}
	for i := range n.Zones {
		if z := &n.Zones[i]; !federation.IsReverse(z.Name) {
			signed := z.signer != nil || n.server.Handler("dnssec") != nil
			if signed {
				log.Warningf("feed: %s is signed, so only its policy zones are transferred: resolvers would reject an unsigned copy of it", z.Name)
			}
			c.Apexes = append(c.Apexes, z.exported(seconds(n.settings.ttls.zone), signed))
		}
	}
	n.exports = feed.Start(c, source)
	return n.exports
}

// exported is what the zone's feeds have at their apexes.
func (z *Zone) exported(ttl uint32, signed bool) feed.Apex {
	apex := feed.Apex{Zone: z.Name, TTL: ttl, SOA: z.soa, Signed: signed, Records: z.records}
	for i := range z.Servers {
		s := &z.Servers[i]
		apex.Servers = append(apex.Servers, s.Name)
		if !domain.Under([]byte(s.Name), z.Name) {
			continue
		}
		for _, addr := range s.Addrs {
			apex.Glue = append(apex.Glue, records.Address(s.Name, addr, z.serverTTL))
		}
	}
	return apex
}

// feedTTL are the TTLs of the records in feeds: those of answers in normal operation.
type feedTTL struct{ ttls *ttls }

func (t feedTTL) Steered(f *federation.Function) uint32 {
	return seconds(t.ttls.of(steer.Choice{Steered: true, Probed: true, TTL: f.TTL}))
}

func (t feedTTL) Fixed() uint32 { return seconds(t.ttls.most) }

// checkFeeds finds a zone that has feeds in two blocks: a feed has one content.
func (o *sourceOfBlocks) checkFeeds(n *Nearcast) error {
	if len(n.settings.feeds) == 0 {
		return nil
	}
	for _, other := range o.blocks {
		if len(other.settings.feeds) == 0 {
			continue
		}
		for i := range n.Zones {
			if slices.ContainsFunc(other.Zones, func(z Zone) bool { return z.Name == n.Zones[i].Name }) {
				return fmt.Errorf("%s: feed: %s also has feeds in another block (%s); put them into one block",
					n.settings.feeds[0].At, n.Zones[i].Name, other.settings.feeds[0].At)
			}
		}
	}
	return nil
}

func noSecret(l feed.Line) error {
	return fmt.Errorf("%s: feed: key %s has no secret; put `tsig { secret %s … }` into this server block", l.At, l.Key, l.Key)
}

// checkSecrets finds a key that the blocks' tsig lacks.
func (o *sourceOfBlocks) checkSecrets() error {
	for _, n := range o.blocks {
		for _, l := range n.settings.feeds {
			if _, ok := n.server.TsigSecret[l.Key]; l.Key != "" && !ok {
				return noSecret(l)
			}
		}
	}
	return nil
}
