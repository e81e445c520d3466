package direct

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/plugin/internal/lifetime"
)

// instance is what all direct lines of one configuration share.
type instance struct {
	blocks []*block

	mu sync.Mutex
	// opened and answered hold the listeners, and the blocks that are answered directly, by the CoreDNS server at
	// the same address. They are known before a server serves.
	opened   map[string][]*place
	answered map[string][]*block
}

var instances lifetime.Instances[*instance]

// instanceOf returns the configuration's instance, which the first block makes.
func instanceOf(c *caddy.Controller) *instance {
	return instances.Of(c, func() *instance {
		i := &instance{opened: map[string][]*place{}, answered: map[string][]*block{}}
		c.OnStartup(func() error {
			if err := i.start(); err != nil {
				instances.Stop(i)
				return plugin.Error("direct", err)
			}
			return nil
		})
		return i
	})
}

// start judges the blocks and opens the sockets of those that can be served directly. It logs why a block cannot;
// CoreDNS then serves that block as usual.
func (i *instance) start() error {
	instances.Sweep()
	all, err := i.corefile()
	if err != nil {
		return err
	}
	instances.Start(i)
	for _, b := range i.blocks {
		if refusal := b.judge(all); refusal != "" {
			log.Warningf("%s: off: %s", b.at, refusal)
			continue
		}
		if err := i.open(b); err != nil {
			return err
		}
	}
	return nil
}

// corefile returns the server blocks of the configuration.
func (i *instance) corefile() ([]caddyfile.ServerBlock, error) {
	for _, c := range caddy.Instances() {
		if of, ok := instances.In(c); ok && of == i {
			input := c.Caddyfile()
			return caddyfile.Parse(input.Path(), bytes.NewReader(input.Body()), nil)
		}
	}
	return nil, errors.New("the configuration belongs to no server instance")
}

// open acquires the block's listeners.
func (i *instance) open(b *block) error {
	addresses, err := b.addresses()
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, a := range addresses {
		if !slices.Contains(i.answered[a.server], b) {
			i.answered[a.server] = append(i.answered[a.server], b)
		}
		if slices.ContainsFunc(i.opened[a.server], func(p *place) bool { return p.addr == a.at }) {
			continue
		}
		p, err := acquire(a.at)
		if err != nil {
			return fmt.Errorf("%s: %w", b.at, err)
		}
		i.opened[a.server] = append(i.opened[a.server], p)
	}
	return nil
}

// serve makes the listeners at the server's addresses answer as it does.
func (i *instance) serve(s *dnsserver.Server) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.opened[s.Addr] {
		p.serve(s, i.answered[s.Addr])
	}
}

// Stop implements lifetime.Instance.
func (i *instance) Stop() {
	i.mu.Lock()
	opened := i.opened
	i.opened = map[string][]*place{}
	i.mu.Unlock()
	for _, beside := range opened {
		for _, p := range beside {
			p.release()
		}
	}
}
