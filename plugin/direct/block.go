package direct

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/nearcast/nearcast/plugin/arguments"
	"github.com/nearcast/nearcast/plugin/domain"
)

// Prompt is what a handler implements that knows for which names it answers
// without waiting for anybody.
type Prompt interface {
	// Prompt reports whether a query for the name, fully qualified and in lower case,
	// would be answered without waiting. It must not wait itself, allocate, or keep the
	// name; any goroutine may call it.
	Prompt(name []byte) bool
}

// block is one server block with a direct line.
type block struct {
	at     arguments.Position
	config *dnsserver.Config
	// index and keys are the block's place and keys in the Corefile.
	index int
	keys  []string
	// named are the addresses to answer on where the server listens on all.
	named []netip.Addr

	// answers is the handler that is prompt; nil until the block was judged.
	answers Prompt
	// keeps is set where a plugin before it keeps something of a query.
	keeps bool
	// others are names at and below which other blocks answer.
	others []string
}

// prompt reports whether the block answers for the name without waiting.
func (b *block) prompt(name []byte) bool {
	for _, other := range b.others {
		if domain.Under(name, other) {
			return false
		}
	}
	return b.answers.Prompt(name)
}

// passing are the plugins that hand a query on, or answer it, without waiting for
// anybody, as of CoreDNS 1.15.
var passing = map[string]bool{
	"acl": true, "any": true, "bufsize": true, "cancel": true, "chaos": true, "dnssec": true, "dnstap": true, "errors": true,
	"geoip": true, "header": true, "local": true, "loadbalance": true, "log": true, "metadata": true, "minimal": true,
	"nsid": true, "prometheus": true, "tsig": true, "view": true,
}

// keeping are those of them that keep something of a query when it is answered: dnstap
// writes the address of who asked later.
var keeping = map[string]bool{"dnstap": true}

// judge finds what answers promptly in the block, or says why it cannot be served directly.
func (b *block) judge(all []caddyfile.ServerBlock) (refusal string) {
	if refusal := b.front(); refusal != "" {
		return refusal
	}
	return b.beside(all)
}

// beside says why the block cannot be served directly for what else is served at its
// port; else it notes what others answer for.
func (b *block) beside(all []caddyfile.ServerBlock) (refusal string) {
	mine := servedBy(b.keys)
	if len(mine) == 0 {
		return "the block serves no plain DNS"
	}
	if slices.ContainsFunc(mine, func(s served) bool { return s.port == "0" }) {
		return "the server takes whatever port is free, and nobody knows which"
	}
	for i, other := range all {
		if name := intruder(other); name != "" && slices.ContainsFunc(servedBy(other.Keys), func(s served) bool { return atPortOf(mine, s) }) {
			return fmt.Sprintf("the plugin %s changes how this port is read or written", name)
		}
		if i == b.index {
			continue
		}
		for _, s := range servedBy(other.Keys) {
			if slices.Contains(mine, s) {
				return fmt.Sprintf("another server block answers for %s at port %s too", s.zone, s.port)
			}
			if atPortOf(mine, s) {
				b.others = append(b.others, s.zone)
			}
		}
	}
	// Blocks for what is above this one's zones answer for none of its names.
	b.others = slices.DeleteFunc(b.others, func(zone string) bool {
		return !slices.ContainsFunc(mine, func(s served) bool { return domain.Under([]byte(zone), s.zone) })
	})
	return ""
}

// front finds the handler that is prompt behind others that do not wait.
func (b *block) front() (refusal string) {
	for _, h := range b.config.Handlers() {
		if p, ok := h.(Prompt); ok {
			b.answers = p
			return ""
		}
		if !passing[h.Name()] {
			return comesFirst(h.Name())
		}
		b.keeps = b.keeps || keeping[h.Name()]
	}
	return nobodyIsPrompt
}

func comesFirst(name string) string {
	return fmt.Sprintf("the plugin %s, which may wait for others, comes first", name)
}

const nobodyIsPrompt = "no plugin here knows that it answers without waiting, as nearcast does"

// intruder returns a plugin of the block that changes how a port is read or
// written for all blocks there, which a socket beside it would miss; "" for none.
func intruder(b caddyfile.ServerBlock) string {
	for _, name := range []string{"dynupdate", "proxyproto", "shed"} {
		if len(b.Tokens[name]) > 0 {
			return name
		}
	}
	return ""
}

// served is a zone at a port.
type served struct{ zone, port string }

func atPortOf(mine []served, s served) bool {
	return slices.ContainsFunc(mine, func(m served) bool { return m.port == s.port })
}

// servedBy returns what the keys of a server block say is served over plain DNS.
func servedBy(keys []string) []served {
	var all []served
	for _, key := range keys {
		carrier, rest := parse.Transport(key)
		_, port, err := plugin.SplitHostPort(rest)
		if carrier != transport.DNS || err != nil {
			continue
		}
		if port == "" {
			port = dnsserver.Port
		}
		for _, zone := range plugin.Host(key).NormalizeExact() {
			all = append(all, served{zone, port})
		}
	}
	return all
}

// address is one to answer on, with the server of CoreDNS's that it is beside.
type address struct {
	at     netip.AddrPort
	server string // as dnsserver.Server.Addr
}

// addresses returns where the block is to be answered for.
func (b *block) addresses() ([]address, error) {
	var all []address
	for _, s := range servedBy(b.keys) {
		for _, host := range b.config.ListenHosts {
			// As in dnsserver's groupConfigsByListenAddr.
			listens, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, s.port))
			if err != nil {
				return nil, err
			}
			hosts, err := b.hosts(listens)
			if err != nil {
				return nil, err
			}
			for _, h := range hosts {
				a := address{netip.AddrPortFrom(h, uint16(listens.Port)), transport.DNS + "://" + listens.String()}
				if !slices.Contains(all, a) {
					all = append(all, a)
				}
			}
		}
	}
	return all, nil
}

func (b *block) hosts(listens *net.TCPAddr) ([]netip.Addr, error) {
	own := listens.AddrPort().Addr().Unmap()
	everywhere := !own.IsValid() || own.IsUnspecified()
	switch {
	case everywhere && len(b.named) == 0:
		return nil, fmt.Errorf("%s: the server listens on all addresses; name those that clients ask, as in: direct 192.0.2.53 2001:db8::53", b.at)
	case everywhere:
		return b.named, nil
	case len(b.named) > 0:
		return nil, fmt.Errorf("%s: the server listens on %s alone, by its bind; name no addresses here", b.at, own)
	}
	return []netip.Addr{own}, nil
}
