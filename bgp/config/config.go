// Package config reads the speaker's file: what it says, its faults with their lines, and what it
// permits but its operator may not want. It also tells what the file has each peer sent. A Config
// does not change once it was read.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/internal/base/admin"
)

// Config is the speaker's configuration file.
type Config struct {
	// ASN is this site's AS number, RouterID its BGP Identifier, an IPv4 address.
	ASN      uint32     `yaml:"asn"`
	RouterID netip.Addr `yaml:"routerID"`
	// Listen is where routers connect to; if absent, no port is opened. All addresses have the same
	// port.
	Listen []netip.AddrPort `yaml:"listen"`
	Peers  []Peer           `yaml:"peers"`
	// Groups hold settings that several peers share, by name: Parse gives each peer the keys of its
	// group that the peer does not set.
	Groups map[string]Peer `yaml:"groups"`
	VIPs   []VIP           `yaml:"vips"`
	// Services configures the local cluster's Services, and Pools what they may announce.
	Services Services `yaml:"services"`
	Pools    []Pool   `yaml:"pools"`
	// Aggregates are prefixes that are announced while enough of the VIPs in them are.
	Aggregates []Aggregate `yaml:"aggregates"`
	States     States      `yaml:"states"`
	// StartupHold is how many passes in a row each check needs before a VIP is announced for the
	// first time, or Rise if that is more.
	StartupHold int   `yaml:"startupHold"`
	Flaps       Flaps `yaml:"flaps"`
	// State is the directory that keeps drains over a restart. It is created at start if missing;
	// "" for none.
	State string `yaml:"state"`
	// Admin is the Unix socket for the command; "" for none.
	Admin string `yaml:"admin"`
	// Metrics is the address:port that serves Prometheus; "" for none.
	Metrics string `yaml:"metrics"`
	// Health is the address:port that answers liveness probes; "" for none.
	Health string `yaml:"health"`
}

// Services configures whether the local cluster's Services are read.
type Services struct {
	Enabled bool `yaml:"enabled"`
	// Kubeconfig is a file; "" selects the pod's own account.
	Kubeconfig string `yaml:"kubeconfig"`
	// Node is this machine's name in the cluster; the default is the variable NODE_NAME.
	Node string `yaml:"node"`
	// DrainTaints are keys of node taints that drain every VIP here; the default is
	// nearcast.dev/drain.
	DrainTaints []string `yaml:"drainTaints"`
	// DrainLabels are keys of node labels that do the same; the default is none.
	DrainLabels []string `yaml:"drainLabels"`
}

// Flaps limits how often a VIP may return as up: after more than Budget failures within Window it
// is announced as degraded until the oldest have expired. It never delays a withdrawal or an
// announcement. Failures of local and of upstream checks are counted separately.
type Flaps struct {
	// Budget defaults to 5.
	Budget int `yaml:"budget"`
	// Window defaults to 10 minutes.
	Window time.Duration `yaml:"window"`
}

// Load reads and checks the file and the password files that it names. The error lists every fault,
// each with the file, the line and the key.
func Load(path string) (*Config, error) {
	c, _, err := LoadAndWarn(path)
	return c, err
}

// load returns what could be read, nil for nothing, and all faults.
func load(path string) (*Config, *faults, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("bgp: %w", err)
	}
	c, found := parse(data)
	if c != nil {
		for i := range c.Peers {
			if err := c.Peers[i].readPassword(); err != nil {
				found.add(fmt.Sprintf("peers[%d].passwordFile", i), "%v", err)
			}
		}
	}
	return c, found, nil
}

// Parse checks the text of a configuration file. An unknown key is a fault, and so is a ${NAME}
// that the environment does not set.
func Parse(data []byte) (*Config, error) {
	c, found := parse(data)
	return c, found.err()
}

// parse returns what could be read, nil for nothing, and all faults.
func parse(data []byte) (*Config, *faults) {
	found := &faults{}
	c := &Config{States: defaultStates()}
	if data = expand(data, found); len(found.found) > 0 {
		return nil, found // otherwise each would cause a second fault for its value
	}
	var root yaml.Node
	var external map[string]bool
	if err := yaml.Unmarshal(data, &root); err == nil { // otherwise the decoder reports why
		found.lines = linesOf(&root)
		data, external = checkScalars(data, &root, found)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil {
		found.decoding(err)
	}
	if len(found.found) > 0 {
		return nil, found
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		found.found = append(found.found, fault{text: "contains more than one YAML document"})
		return nil, found
	}
	if c.inherit(&root, found); len(found.found) > 0 {
		return nil, found
	}
	for i := range c.Peers {
		at, _ := found.place(fmt.Sprintf("peers[%d].asn", i))
		c.Peers[i].External = external[at]
	}
	c.setDefaults()
	c.check(found.add)
	return c, found
}

func (c *Config) check(fault faultFunc) {
	if text := route.FaultOfASN(c.ASN); text != "" {
		fault("asn", "%s", text)
	}
	c.checkRouterID(fault)
	c.checkListen(fault)
	c.States.check(fault)
	c.checkPeers(fault)
	c.checkVIPs(fault)
	c.checkAggregates(fault)
	c.checkServices(fault)
	c.checkSending(fault)
	c.checkRecipients(fault)
	if c.StartupHold < 0 || c.StartupHold > 1000 {
		fault("startupHold", "%d is not from 1 to 1000", c.StartupHold)
	}
	if c.Flaps.Budget < 0 || c.Flaps.Window < 0 {
		fault("flaps", "budget and window must be positive")
	}
	if len(c.Admin) > admin.MaxPath {
		fault("admin", "is longer than %d characters", admin.MaxPath)
	}
	for key, address := range map[string]string{"metrics": c.Metrics, "health": c.Health} {
		if _, err := net.ResolveTCPAddr("tcp", address); address != "" && err != nil {
			fault(key, "%q is not address:port", address)
		}
	}
	if c.Health != "" && c.Health == c.Metrics {
		fault("health", "%s is also the address of metrics; give health its own port, so that scrapes cannot delay it", c.Health)
	}
}

func (c *Config) checkListen(fault faultFunc) {
	for i, at := range c.Listen {
		key := fmt.Sprintf("listen[%d]", i)
		if !at.IsValid() || at.Port() == 0 || at.Port() != c.Listen[0].Port() {
			fault(key, "address:port is required, and all entries must have the same port")
		} else if text := faultOfAddress(at.Addr()); text != "" && !at.Addr().IsUnspecified() {
			fault(key, "%s", text)
		}
		if slices.Contains(c.Listen[:i], at) {
			fault(key, "%s is listed twice", at)
		}
	}
}

func (c *Config) checkVIPs(fault faultFunc) {
	seen := map[netip.Addr]bool{}
	for i := range c.Peers {
		seen[c.Peers[i].Address], seen[c.Peers[i].LocalAddress] = true, true
	}
	places := c.places()
	for i := range c.VIPs {
		v := &c.VIPs[i]
		key := fmt.Sprintf("vips[%d]", i)
		v.check(fault.under(key))
		if v.Address.IsValid() && seen[v.Address] {
			fault(key, "%s is also a peer, or is listed twice", v.Address)
		} else if at := slices.IndexFunc(places, func(p place) bool { return p.addr == v.Address }); v.Address.IsValid() && at >= 0 {
			fault(key, "%s is %s (%s); a shared address must not belong to one machine", v.Address, places[at].what, places[at].key)
		}
		seen[v.Address] = true
	}
}

func (c *Config) checkServices(fault faultFunc) {
	c.checkPools(fault)
	if c.Services.Enabled && len(c.Pools) == 0 {
		fault("services", "requires pools: without a pool, no Service may announce an address")
	}
}

// Bound returns the addresses that this machine is to have.
func (c *Config) Bound() []netip.Addr {
	var all []netip.Addr
	for _, v := range c.VIPs {
		if v.Bind != "" && !v.Disabled {
			all = append(all, v.Address)
		}
	}
	return all
}

// Folders returns the directories of the file at path and of all files that it names, for callers
// that watch them.
func (c *Config) Folders(path string) []string {
	folders := []string{filepath.Dir(path)}
	for i := range c.Peers {
		if file := c.Peers[i].PasswordFile; file != "" && !slices.Contains(folders, filepath.Dir(file)) {
			folders = append(folders, filepath.Dir(file))
		}
	}
	return folders
}

// CheckChange reports a change to a setting that a running speaker cannot change.
func (c *Config) CheckChange(o *Config) error {
	for _, setting := range []struct {
		key  string
		same bool
	}{
		{"asn", c.ASN == o.ASN}, {"routerID", c.RouterID == o.RouterID}, {"listen", slices.Equal(c.Listen, o.Listen)},
		{"services.enabled", c.Services.Enabled == o.Services.Enabled}, {"services.kubeconfig", c.Services.Kubeconfig == o.Services.Kubeconfig},
		{"services.node", c.Services.Node == o.Services.Node},
		{"services.drainTaints", slices.Equal(c.Services.DrainTaints, o.Services.DrainTaints)},
		{"services.drainLabels", slices.Equal(c.Services.DrainLabels, o.Services.DrainLabels)}, {"state", c.State == o.State},
		{"admin", c.Admin == o.Admin}, {"metrics", c.Metrics == o.Metrics},
		{"health", c.Health == o.Health},
	} {
		if !setting.same {
			return fmt.Errorf("%s: cannot be changed while the speaker runs; restart the speaker", setting.key)
		}
	}
	return nil
}
