// Package certificate reloads the certificates of CoreDNS's plugin tls when their files change. A handshake takes
// one atomic load; one goroutine for each configuration reads changed files.
package certificate

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/internal/base/filewatch"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/internal/lifetime"
)

var log = clog.NewWithPlugin("certificate")

// The plugin tls is set up after Nearcast's plugins, so its certificate is replaced once it has been loaded.
func init() { caddy.RegisterParsingCallback("dns", "tls", replace) }

// instance holds the certificates that one configuration follows.
type instance struct {
	context    caddy.Context
	controller *caddy.Controller
	pairs      map[Files]*pair
	end        context.CancelFunc
	running    sync.WaitGroup
}

// Files are those of one certificate.
type Files struct{ Cert, Key string }

var instances lifetime.Instances[*instance]

// Follow makes the certificates of all server blocks of a configuration follow their files. Plugins call it from
// their setup; each may.
func Follow(c *caddy.Controller) {
	instances.Of(c, func() *instance {
		i := &instance{context: c.Context(), controller: c, pairs: map[Files]*pair{}}
		c.OnStartup(func() error {
			instances.Sweep()
			instances.Start(i)
			i.start()
			return nil
		})
		return i
	})
}

// replace is called for each configuration once its blocks' tls are set up.
func replace(of caddy.Context) error {
	for _, c := range caddy.Instances() {
		if i, ok := instances.In(c); ok && i.context == of {
			return i.replace()
		}
	}
	return nil
}

// replace makes the blocks look up their certificate at each handshake. ACME certificates do already.
func (i *instance) replace() error {
	all, err := blocks.Configured(i.controller)
	if err != nil {
		return err
	}
	// Blocks at one port must have one certificate, which different file names may refer to.
	identities := map[string]*dnsserver.TLSConfigIdentity{}
	for _, b := range all {
		of, named := FilesOf(b.ServerBlock, b.Config.Root)
		config := b.Config.TLSConfig
		if !named || config == nil || len(config.Certificates) != 1 {
			continue
		}
		loaded := config.Certificates[0]
		content := string(loaded.Certificate[0])
		if identities[content] == nil {
			identities[content] = dnsserver.NewTLSConfigIdentity()
		}
		if i.pairs[of] == nil {
			i.pairs[of] = newPair(of, &loaded)
		}
		config.Certificates, config.GetCertificate = nil, i.pairs[of].get
		b.Config.SetTLSConfigIdentity(identities[content])
	}
	i.controller = nil // used only during set-up
	return nil
}

// FilesOf returns the certificate and the key that the block's tls names, and whether it names any. Relative paths
// are relative to the block's root, if it has one.
func FilesOf(block caddyfile.ServerBlock, root string) (Files, bool) {
	tls := caddyfile.NewDispenserTokens("", block.Tokens["tls"])
	tls.Next()
	args := tls.RemainingArgs()
	if len(args) < 2 {
		return Files{}, false
	}
	for i, path := range args {
		if !filepath.IsAbs(path) && root != "" {
			args[i] = filepath.Join(root, path)
		}
	}
	return Files{args[0], args[1]}, true
}

// start begins to watch the files.
func (i *instance) start() {
	if len(i.pairs) == 0 {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	i.end = end
	i.running.Go(func() {
		if err := filewatch.Folders(ctx, i.list, i.reload, func(err error) { log.Warning(err) }); err != nil {
			log.Errorf("certificates are not reloaded when they change: %v", err)
		}
	})
}

// list returns the watched files.
func (i *instance) list() (paths []string, _ error) {
	for of := range i.pairs {
		paths = append(paths, of.Cert, of.Key)
	}
	return paths, nil
}

func (i *instance) reload() {
	for _, p := range i.pairs {
		p.reload()
	}
}

// Stop implements lifetime.Instance.
func (i *instance) Stop() {
	if i.end != nil {
		i.end()
		i.running.Wait()
	}
}
