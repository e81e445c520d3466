package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/internal/base/secretfile"
	"github.com/nearcast/nearcast/internal/federation/claims"
)

// Warnings returns what the file at path permits but its operator may not want: secrets that other
// users can read, pools that namespaces share, groups without a peer, states in which a route
// leaks, keys and bandwidths that some routers do not accept, and attributes for peers that ignore
// them. Each warning names the file, the line and the key. A file with a fault has none.
func Warnings(path string) []error {
	c, found, err := load(path)
	if err != nil || len(found.found) > 0 {
		return nil
	}
	return c.warnings(path, found)
}

// LoadAndWarn is Load and Warnings in one pass.
func LoadAndWarn(path string) (*Config, []error, error) {
	c, found, err := load(path)
	if err != nil {
		return nil, nil, err
	}
	if all := found.in(path); len(all) > 0 {
		return nil, nil, errors.Join(all...)
	}
	return c, c.warnings(path, found), nil
}

func (c *Config) warnings(path string, found *faults) []error {
	c.warnOfSecrets(found.add)
	c.warnOfKeys(found.add)
	c.warnOfPools(found.add)
	c.warnOfLeaks(found.add)
	c.warnOfGroups(found.add)
	c.warnOfBandwidth(found.add)
	c.warnOfSending(found.add)
	return found.in(path)
}

func (c *Config) warnOfSecrets(warn faultFunc) {
	for i := range c.Peers {
		warnOfSecret(fmt.Sprintf("peers[%d].passwordFile", i), c.Peers[i].PasswordFile, warn)
	}
	warnOfSecret("services.kubeconfig", c.Services.Kubeconfig, warn)
}

func warnOfSecret(key, file string, warn faultFunc) {
	if file == "" {
		return
	}
	if text := secretfile.Warning(file); text != "" {
		warn(key, "%s", text)
	}
}

// warnOfKeys reports passwords that some makes of router cannot be configured with.
func (c *Config) warnOfKeys(warn faultFunc) {
	for i := range c.Peers {
		p := &c.Peers[i]
		for _, not := range []struct{ chars, said string }{
			{" \t", "spaces, which FRR, SONiC and VyOS do not accept"}, {"\"", "quotation marks, which BIRD does not accept"},
		} {
			if strings.ContainsAny(string(p.Password), not.chars) {
				warn(fmt.Sprintf("peers[%d].passwordFile", i), "the key in %s contains %s; choose another key at both ends", p.PasswordFile, not.said)
			}
		}
	}
}

// warnOfLeaks reports states in which a route may leave a network where it stays inside while up.
func (c *Config) warnOfLeaks(warn faultFunc) {
	inside := []uint32{route.NoExport, route.NoAdvertise, route.NoPeer}
	for _, state := range []struct {
		key string
		a   *route.Attributes
	}{{"states.degraded", &c.States.Degraded.Attributes}, {"states.draining", &c.States.Draining.Attributes}} {
		for _, n := range inside {
			if slices.Contains(c.States.Up.Communities.Standard, n) && !slices.Contains(state.a.Communities.Standard, n) {
				warn(state.key, "lacks %s, which states.up has: in this state the route is advertised further than when it is up; if that is not intended, remove it from without", route.Communities{Standard: []uint32{n}}.Texts()[0])
			}
		}
	}
}

// mostCounted is the limit of FRR's 32-bit counter of bytes per second, before its pull request
// 22681 of July 2026; a larger value wraps around.
const mostCounted route.Bandwidth = 8 << 32

func (c *Config) warnOfBandwidth(warn faultFunc) {
	of := func(key string, a *route.Attributes) {
		if a != nil && a.LinkBandwidth >= mostCounted {
			warn(key+".linkBandwidth", "%s is more than FRR before July 2026 supports (34G), and the load shares would be wrong there; scale the bandwidths of all sites, such as 1G and 4G for 100G and 400G", a.LinkBandwidth)
		}
	}
	of("states.up", &c.States.Up)
	for _, s := range c.sources() {
		of(s.key+".attributes", s.attributes)
	}
}

func (c *Config) warnOfPools(warn faultFunc) {
	for i, p := range c.Pools {
		key := fmt.Sprintf("pools[%d]", i)
		if who := sharers(p.Namespaces); who != "" {
			warn(key+".namespaces", "%s share %s; %s", who, join(p.CIDRs), poolEach)
		}
		for j, o := range c.Pools[:i] {
			who := sharers(append(slices.Clone(o.Namespaces), p.Namespaces...))
			if both := claims.Overlap(p.CIDRs, o.CIDRs); len(both) > 0 && who != "" {
				warn(key+".cidrs", "%s of pools[%d] share %s; %s", who, j, join(both), poolEach)
			}
		}
	}
}

const poolEach = "if two namespaces request the same address, the older Service gets it: give each namespace its own range"

// sharers names the namespaces if there are several; otherwise "".
func sharers(namespaces []string) string {
	if slices.Contains(namespaces, "*") {
		return "all namespaces"
	}
	all := slices.Compact(slices.Sorted(slices.Values(namespaces)))
	if len(all) < 2 {
		return ""
	}
	return "the namespaces " + strings.Join(all, ", ")
}

func join(cidrs []netip.Prefix) string {
	var all []string
	for _, c := range cidrs {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}
