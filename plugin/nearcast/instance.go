package nearcast

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/internal/lifetime"
	"github.com/nearcast/nearcast/plugin/nearcast/feed"
)

// instance is what all nearcast blocks of one configuration share. It acquires
// their sites when the configuration starts and releases them when it ends.
type instance struct {
	sources []*sourceOfBlocks
	feeds   []*feed.Set
	sites   []*site.Site // guarded by ready.mu: CoreDNS asks for readiness before all are acquired
	ready   readiness
	// watches are the watches of the cookie secrets and of the files of records.
	watches    sync.WaitGroup
	endWatches context.CancelFunc
}

// sourceOfBlocks are the blocks that name one source.
type sourceOfBlocks struct {
	config site.Config
	lines  map[string]arguments.Position
	first  arguments.Position
	blocks []*Nearcast
}

var instances lifetime.Instances[*instance]

// instanceOf returns the configuration's instance, which the first block makes.
func instanceOf(c *caddy.Controller) *instance {
	return instances.Of(c, func() *instance {
		i := &instance{}
		c.OnStartup(func() error { return i.know(c) })
		c.OnStartup(i.start)
		c.OnStartup(func() error { warnOfSecrets(c.File()); return nil })
		// A configuration that failed to start may have shared this one's sites.
		c.OnRestartFailed(func() error { i.show(); return nil })
		return i
	})
}

// know tells the blocks about the zones inside their own.
func (i *instance) know(c *caddy.Controller) error {
	configured, err := blocks.Configured(c)
	if err != nil {
		return plugin.Error("nearcast", err)
	}
	var all []caddyfile.ServerBlock
	for _, block := range configured {
		all = append(all, block.ServerBlock)
	}
	delegate(i.blocks(), servedElsewhere(all))
	return nil
}

// blocks returns the blocks of all sources.
func (i *instance) blocks() (all []*Nearcast) {
	for _, o := range i.sources {
		all = append(all, o.blocks...)
	}
	return all
}

// warnOfSecrets names secret files that other users can read. It skips a Corefile that is not a file.
func warnOfSecrets(path string) {
	all, _ := blocks.Read(path) // its faults were reported
	for _, block := range blocks.UnlessOf(all, "nearcast") {
		for _, warning := range blocks.Secrets(block) {
			log.Warningf("%v", warning)
		}
	}
}

// sharedSettings are the settings of the running state. Of blocks that share a source, each may omit a setting that
// another has; if two set the same one, they must agree.
var sharedSettings = []struct {
	key   string
	field func(*site.Config) any
}{
	{"cluster", func(c *site.Config) any { return &c.Where }},
	{"locations", func(c *site.Config) any { return &c.Locations.Locations }},
	{"geoip", func(c *site.Config) any { return &c.Locations.GeoIP }},
	{"horizon", func(c *site.Config) any { return &c.Horizons }},
	{"tenant", func(c *site.Config) any { return &c.Tenants }},
	{"claim", func(c *site.Config) any { return &c.Claims }},
	{"policy", func(c *site.Config) any { return &c.Policy }},
	{"when-down", func(c *site.Config) any { return &c.WhenDown }},
	{"family", func(c *site.Config) any { return &c.Independent }},
	{"load", func(c *site.Config) any { return &c.Load }},
	{"probe", func(c *site.Config) any { return &c.Probe }},
	{"snapshot", func(c *site.Config) any { return &c.Snapshot }},
	{"speaker", func(c *site.Config) any { return &c.Speaker }},
	{"admin", func(c *site.Config) any { return &c.Admin }},
}

// add joins a block to those of its source.
func (i *instance) add(n *Nearcast, s *stanza) error {
	at := slices.IndexFunc(i.sources, func(o *sourceOfBlocks) bool {
		return o.config.Source.Key() == s.shared.Source.Key()
	})
	if at < 0 {
		i.sources = append(i.sources, &sourceOfBlocks{
			config: s.shared, lines: s.lines, first: s.at, blocks: []*Nearcast{n},
		})
		return nil
	}
	o := i.sources[at]
	for _, setting := range sharedSettings {
		line, set := s.lines[setting.key]
		if !set {
			continue
		}
		mine, theirs := reflect.ValueOf(setting.field(&s.shared)).Elem(), reflect.ValueOf(setting.field(&o.config)).Elem()
		other, both := o.lines[setting.key]
		if both && !reflect.DeepEqual(mine.Interface(), theirs.Interface()) {
			return fmt.Errorf("%s: %s differs from %s, but both blocks share the source %q; make them equal, or set it once",
				line, setting.key, other, s.shared.Source.Key())
		}
		theirs.Set(mine)
		o.lines[setting.key] = line
	}
	if err := o.checkFeeds(n); err != nil {
		return err
	}
	for _, zone := range s.shared.Zones {
		if !slices.Contains(o.config.Zones, zone) {
			o.config.Zones = append(o.config.Zones, zone)
		}
	}
	o.config.Servers = append(o.config.Servers, s.shared.Servers...)
	slices.Sort(o.config.Servers)
	o.config.Servers = slices.Compact(o.config.Servers)
	o.blocks = append(o.blocks, n)
	return nil
}

// firstState is how long start-up waits for a state. After that it goes on, and every name is SERVFAIL until there
// is a state.
const firstState = 5 * time.Second

func (i *instance) start() error {
	for _, alive := range instances.Sweep() {
		alive.show()
	}
	for _, o := range i.sources {
		err := o.complete()
		if err == nil {
			err = o.checkSecrets()
		}
		if err == nil {
			err = o.makeFolder()
		}
		if err != nil {
			instances.Stop(i)
			return fmt.Errorf("plugin/nearcast: %w", err)
		}
		s, err := site.Acquire(o.config, log)
		if err != nil {
			instances.Stop(i)
			return fmt.Errorf("plugin/nearcast: %s: %w", o.first, err)
		}
		i.ready.mu.Lock()
		i.sites = append(i.sites, s)
		i.ready.mu.Unlock()
		o.serve(s)
	}
	i.show()
	instances.Start(i)
	for _, s := range i.sites {
		err := s.WaitFirst(firstState)
		if err != nil && s.Inherits() {
			instances.Stop(i)
			return fmt.Errorf("plugin/nearcast: %w; the running configuration has a state and stays in use", err)
		}
		if err != nil {
			log.Warningf("%v; answering SERVFAIL for every name until there is one", err)
		}
	}
	i.export()
	i.watchFiles()
	return nil
}

// export starts the feeds of all blocks, once nothing else can fail.
func (i *instance) export() {
	for at, o := range i.sources {
		for _, n := range o.blocks {
			if set := n.export(o.config, i.sites[at]); set != nil {
				i.feeds = append(i.feeds, set)
			}
		}
	}
}

// show makes explanations of the instance's sites include the answers of its blocks.
func (i *instance) show() {
	i.ready.mu.Lock()
	defer i.ready.mu.Unlock()
	for at, s := range i.sites {
		s.SetRenderer(render(i.sources[at].blocks))
		s.SetRecords(recordsOf(i.sources[at].blocks))
	}
}

// complete fills in the settings that no block has, and reports required ones that are missing.
func (o *sourceOfBlocks) complete() error {
	if o.config.Where.Cluster == "" && o.config.Where.Region == "" {
		return fmt.Errorf("%s: cluster or at is required, to say where this server is", o.first)
	}
	if o.config.Speaker != "" && o.config.Where.Cluster == "" {
		return fmt.Errorf("%s: speaker: requires cluster, which names the cluster that functions leave", o.lines["speaker"])
	}
	return o.isThere()
}

// isThere returns an error if the directory of manifests is missing, which is usually a typo. If its state is known
// from before, the site waits for it instead.
func (o *sourceOfBlocks) isThere() error {
	if o.config.Source.Manifests == "" || site.Knows(o.config) {
		return nil
	}
	if _, err := os.Stat(o.config.Source.Manifests); err != nil {
		return fmt.Errorf("%s - Error during parsing: manifests: %w", o.lines["source"], err)
	}
	return nil
}

// makeFolder makes the snapshot's directory if it is missing.
func (o *sourceOfBlocks) makeFolder() error {
	if o.config.Snapshot == "" {
		return nil
	}
	if err := folder.Make(o.config.Snapshot); err != nil {
		return fmt.Errorf("%s: snapshot: %w", o.lines["snapshot"], err)
	}
	return nil
}

// serve makes the blocks answer from s.
func (o *sourceOfBlocks) serve(s state) {
	for _, n := range o.blocks {
		n.site = s
		n.settings.ttls.bound(o.config.Probe)
	}
}

// Stop implements lifetime.Instance.
func (i *instance) Stop() {
	i.ready.mu.Lock()
	sites := i.sites
	i.sites = nil
	i.ready.mu.Unlock()
	for _, set := range i.feeds {
		set.Close()
	}
	i.feeds = nil
	if i.endWatches != nil {
		i.endWatches()
		i.watches.Wait()
	}
	for _, s := range sites {
		site.Release(s)
	}
}
