package config

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
)

// ParseShared checks the text of a configuration file as Parse does, on a machine that is not one
// of the speakers that share it. It permits a ${NAME} that the environment does not set in each
// speaker's own settings: routerID, listen, state, admin, metrics, services.node,
// services.kubeconfig, and localAddress and nextHop of peers. A RouterID or LocalAddress that
// depends on one stays invalid; the other settings hold a value that no speaker has. Anywhere else
// it is a fault, as in Parse.
func ParseShared(data []byte) (*Config, error) {
	names := unsetVariables(data)
	if len(names) == 0 || len(names) > maxUnset {
		return Parse(data)
	}
	var nearest error // the shortest error, because its values fit best
	for kinds := range 1 << len(names) {
		c, err := Parse(fill(data, names, kinds, 0))
		switch {
		case err == nil:
			o, err := Parse(fill(data, names, kinds, 1))
			if err != nil || !reflect.DeepEqual(c.common(), o.common()) {
				return Parse(data)
			}
			c.forget(o)
			return c, nil
		case nearest == nil || len(err.Error()) < len(nearest.Error()):
			nearest = err
		}
	}
	if mentionsStandIn(nearest.Error()) {
		return Parse(data)
	}
	return nil, nearest
}

// maxUnset limits the number of ways to fill a file.
const maxUnset = 6

// standIns are the prefixes of addresses that replace unset variables, for IPv4 and IPv6. They are
// reserved for benchmarks (RFC 2544, RFC 5180), so no speaker has them.
var standIns = [2]string{"198.18.", "2001:2::"}

// standIn returns an address for a variable: a different one for each variable, and for each of two
// fillings, so that whatever depends on a variable differs between these.
func standIn(family, variable, which int) string {
	if family == 0 {
		return fmt.Sprintf("%s%d.%d", standIns[family], which, variable+1)
	}
	return fmt.Sprintf("%s%d:%d", standIns[family], which, variable+1)
}

func mentionsStandIn(text string) bool {
	return slices.ContainsFunc(standIns[:], func(begins string) bool { return strings.Contains(text, begins) })
}

// unsetVariables returns the variables in the text that the environment does not set, without
// duplicates.
func unsetVariables(data []byte) []string {
	var names []string
	for _, match := range variable.FindAllSubmatch(data, -1) {
		name := string(match[1])
		if _, set := os.LookupEnv(name); !set && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// fill replaces the variables with addresses: IPv6 addresses for variables whose bit in kinds is
// set.
func fill(data []byte, names []string, kinds, which int) []byte {
	text := string(data)
	for i, name := range names {
		text = strings.ReplaceAll(text, fmt.Sprintf("${%s}", name), standIn(kinds>>i&1, i, which))
	}
	return []byte(text)
}

// common returns a copy without the settings of each speaker's own.
func (c *Config) common() Config {
	o := *c
	o.RouterID, o.Listen, o.State, o.Admin, o.Metrics, o.Health = netip.Addr{}, nil, "", "", "", ""
	o.Groups = nil // the peers already have their settings
	o.Services.Node, o.Services.Kubeconfig = "", ""
	o.Peers = slices.Clone(c.Peers)
	for i := range o.Peers {
		o.Peers[i].LocalAddress, o.Peers[i].NextHop = netip.Addr{}, netip.Addr{}
	}
	return o
}

// forget clears the speaker's addresses that differ from o's.
func (c *Config) forget(o *Config) {
	if c.RouterID != o.RouterID {
		c.RouterID = netip.Addr{}
	}
	for i := range c.Peers {
		if c.Peers[i].LocalAddress != o.Peers[i].LocalAddress {
			c.Peers[i].LocalAddress = netip.Addr{}
		}
	}
}
