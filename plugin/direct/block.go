package direct

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/internal/domain"
)

// Prompt is implemented by a handler that knows for which names it answers without waiting. If it answers in a
// scratch.Scratch, it must also make sure that nothing between it and the server keeps the query.
type Prompt interface {
	// Prompt reports whether a query for the name, which is fully qualified and in lower case, would be answered
	// without waiting. It must not wait itself, allocate, or keep the name; any goroutine may call it.
	Prompt(name []byte) bool
}

// block is one server block with a direct line.
type block struct {
	at     arguments.Position
	config *dnsserver.Config
	// index and keys are the block's place and keys in the Corefile.
	index int
	keys  []string
	// named are the addresses to answer on if the server listens on all.
	named []netip.Addr

	// answers is the handler that implements Prompt; nil until the block was judged.
	answers Prompt
	// keeps is set if a plugin before that handler keeps something of a query.
	keeps bool
	// others are names that other blocks answer for, with everything below them.
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

// passing are the plugins, as of CoreDNS 1.15, that pass a query on or answer it without waiting. The value says
// whether they keep something of a query once it is answered: dnstap writes the client later.
var passing = map[string]bool{
	"acl": false, "any": false, "bufsize": false, "cancel": false, "chaos": false, "ddr": false, "dnssec": false, "dnstap": true, "errors": false,
	"geoip": false, "header": false, "local": false, "loadbalance": false, "log": false, "metadata": false, "minimal": false,
	"nsid": false, "prometheus": false, "rrl": false, "tsig": false,
}

// judge finds the handler that answers promptly in the block, or says why the block cannot be served directly.
func (b *block) judge(all []caddyfile.ServerBlock) (refusal string) {
	if refusal := b.front(); refusal != "" {
		return refusal
	}
	return b.beside(all)
}

// beside says why other blocks at the same port keep the block from being served directly. If none does, it notes
// the names that they answer for.
func (b *block) beside(all []caddyfile.ServerBlock) (refusal string) {
	mine := blocks.Served(b.keys)
	if len(mine) == 0 {
		return "the block does not serve unencrypted DNS"
	}
	if slices.ContainsFunc(mine, func(z blocks.ServedZone) bool { return z.Port == "0" }) {
		return "the server listens on port 0, an arbitrary free port that clients cannot know"
	}
	if len(all[b.index].Tokens["view"]) > 0 {
		return "its view may hand a query to another block, which may block on I/O"
	}
	for i, other := range all {
		if name := intruder(other); name != "" && slices.ContainsFunc(blocks.Served(other.Keys), func(z blocks.ServedZone) bool { return atPortOf(mine, z) }) {
			return fmt.Sprintf("the plugin %s changes how this port is read or written", name)
		}
		if i == b.index {
			continue
		}
		for _, z := range blocks.Served(other.Keys) {
			if slices.Contains(mine, z) {
				return fmt.Sprintf("another server block also serves %s on port %s", z.Name, z.Port)
			}
			if atPortOf(mine, z) {
				b.others = append(b.others, z.Name)
			}
		}
	}
	// Blocks for zones above this one's answer for none of its names.
	b.others = slices.DeleteFunc(b.others, func(zone string) bool {
		return !slices.ContainsFunc(mine, func(z blocks.ServedZone) bool { return domain.Under([]byte(zone), z.Name) })
	})
	return ""
}

// front finds the prompt handler behind plugins that do not wait.
func (b *block) front() (refusal string) {
	for _, h := range b.config.Handlers() {
		if p, ok := h.(Prompt); ok {
			b.answers = p
			return ""
		}
		keeps, passes := passing[h.Name()]
		if !passes {
			return comesFirst(h.Name())
		}
		b.keeps = b.keeps || keeps
	}
	return nobodyIsPrompt
}

func comesFirst(name string) string {
	return fmt.Sprintf("the plugin %s, which may block on I/O, runs first", name)
}

const nobodyIsPrompt = "no plugin in this block, such as nearcast, is known to answer without blocking"

// intruder returns a plugin of the block that changes how a port is read or written for all blocks there, and that
// a second socket would bypass; "" for none.
func intruder(b caddyfile.ServerBlock) string {
	for _, name := range []string{"dynupdate", "proxyproto", "shed"} {
		if len(b.Tokens[name]) > 0 {
			return name
		}
	}
	return ""
}

func atPortOf(mine []blocks.ServedZone, z blocks.ServedZone) bool {
	return slices.ContainsFunc(mine, func(m blocks.ServedZone) bool { return m.Port == z.Port })
}

// address is an address to answer on, with the CoreDNS server that listens there.
type address struct {
	at     netip.AddrPort
	server string // as dnsserver.Server.Addr
}

// addresses returns the addresses on which the block is answered.
func (b *block) addresses() ([]address, error) {
	var all []address
	for _, z := range blocks.Served(b.keys) {
		for _, host := range b.config.ListenHosts {
			// As in dnsserver's groupConfigsByListenAddr.
			listens, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, z.Port))
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
		return nil, fmt.Errorf("%s: the server listens on all addresses; list those that clients query, for example: direct 192.0.2.53 2001:db8::53", b.at)
	case everywhere:
		return b.named, nil
	case len(b.named) > 0:
		return nil, fmt.Errorf("%s: bind limits the server to %s; remove the addresses here", b.at, own)
	}
	return []netip.Addr{own}, nil
}
