package bgp

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
)

// ParseShared checks the text of a configuration file as Parse does, on a machine
// that is none of the speakers that share it. A ${NAME} that the environment lacks
// is permitted in what each speaker has of its own: routerID, listen, state, admin,
// metrics, services.node, services.kubeconfig, and localAddress and nextHop of
// peers. A RouterID or LocalAddress that depends on one is left invalid; the others
// hold a value that is no speaker's. Anywhere else it is a fault, as for Parse.
func ParseShared(data []byte) (*Config, error) {
	names := unsetVariables(data)
	if len(names) == 0 || len(names) > maxUnset {
		return Parse(data)
	}
	var nearest error // the one that says least, because the values fit best
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

// maxUnset bounds how many ways there are to fill a file.
const maxUnset = 6

// standIns begin the addresses that take the place of variables that are not set, of IPv4 and of
// IPv6. They are for benchmarks (RFC 2544, RFC 5180), and no speaker has them.
var standIns = [2]string{"198.18.", "2001:2::"}

// standIn is the address for a variable: another one for each, and of two, so that what
// depends on a variable differs.
func standIn(family, variable, which int) string {
	if family == 0 {
		return fmt.Sprintf("%s%d.%d", standIns[family], which, variable+1)
	}
	return fmt.Sprintf("%s%d:%d", standIns[family], which, variable+1)
}

func mentionsStandIn(text string) bool {
	return slices.ContainsFunc(standIns[:], func(begins string) bool { return strings.Contains(text, begins) })
}

// unsetVariables are those of the text that the environment lacks, each once.
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

// fill puts addresses in the place of the variables: of IPv6 for those whose bit is
// set in kinds.
func fill(data []byte, names []string, kinds, which int) []byte {
	text := string(data)
	for i, name := range names {
		text = strings.ReplaceAll(text, fmt.Sprintf("${%s}", name), standIn(kinds>>i&1, i, which))
	}
	return []byte(text)
}

// common returns a copy without what each speaker has of its own.
func (c *Config) common() Config {
	o := *c
	o.RouterID, o.Listen, o.State, o.Admin, o.Metrics, o.Health = netip.Addr{}, nil, "", "", "", ""
	o.Groups = nil // the peers have what is in them
	o.Services.Node, o.Services.Kubeconfig = "", ""
	o.Peers = slices.Clone(c.Peers)
	for i := range o.Peers {
		o.Peers[i].LocalAddress, o.Peers[i].NextHop = netip.Addr{}, netip.Addr{}
	}
	return o
}

// forget takes away the addresses of the speaker that differ from o's.
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
