package blocks

import (
	"bytes"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
)

// Block is a server block with the parts that CoreDNS has set up so far.
type Block struct {
	caddyfile.ServerBlock
	Config *dnsserver.Config
}

// Configured returns all server blocks of the configuration that the controller sets up; none if the configuration
// is only checked.
func Configured(c *caddy.Controller) ([]Block, error) {
	input := inputOf(c)
	if input == nil {
		return nil, nil
	}
	read, err := caddyfile.Parse(input.Path(), bytes.NewReader(input.Body()), nil)
	if err != nil {
		return nil, err
	}
	var all []Block
	for i, block := range read {
		// CoreDNS finds a block's configuration by its place, which is that of the controller.
		there := *c
		there.ServerBlockIndex, there.ServerBlockKeyIndex = i, 0
		all = append(all, Block{block, dnsserver.GetConfig(&there)})
	}
	return all, nil
}

// mark is the storage key that tells a configuration from others.
type mark struct{}

// inputOf returns the Corefile of the controller, which is that of the running or
// starting instance with the same storage.
func inputOf(c *caddy.Controller) caddy.Input {
	if c.Get(mark{}) == nil {
		c.Set(mark{}, new(byte))
	}
	for _, i := range caddy.Instances() {
		i.StorageMu.RLock()
		same := i.Storage[mark{}] == c.Get(mark{})
		i.StorageMu.RUnlock()
		if same {
			return i.Caddyfile()
		}
	}
	return nil
}
