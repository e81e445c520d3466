package interop

import (
	"cmp"
	"testing"
)

// lan is a switch that nodes are connected to.
type lan struct {
	machine
}

// cable leads from a switch to a node.
type cable struct {
	lan  *lan
	port string
	link string // its name in the node
}

// lan returns a new switch.
func (n *network) lan(name string) *lan {
	n.t.Helper()
	l := &lan{n.machine(name)}
	// Otherwise it would itself be a neighbor of its nodes.
	l.sysctl("ipv6/conf/default/disable_ipv6", "1")
	l.ip("link", "add", "switch", "type", "bridge")
	l.ip("link", "set", "switch", "up")
	return l
}

// newLAN returns a switch, in a network of its own, with the machine of the sites' router.
func newLAN(t *testing.T) (*lan, *node) {
	t.Helper()
	n := newNetwork(t)
	l, r := n.lan("lan"), n.node("r1")
	l.join(r, routerID+"/24", routerV6+"/64")
	return l, r
}

// join connects a node, with its addresses on the new link.
func (l *lan) join(n *node, addresses ...string) *cable {
	n.t.Helper()
	c := &cable{lan: l, port: n.name, link: n.nextLink()}
	n.cable = cmp.Or(n.cable, c)
	l.ip("link", "add", c.port, "type", "veth", "peer", "name", c.link, "netns", n.Name)
	l.ip("link", "set", c.port, "master", "switch", "up")
	n.ip("link", "set", c.link, "up")
	n.address(c.link, addresses...)
	return c
}

// cut removes the carrier of the node, which keeps its addresses. Nobody
// else at the switch notices.
func (c *cable) cut() {
	c.lan.t.Helper()
	c.lan.ip("link", "set", c.port, "down")
}

// repair undoes cut.
func (c *cable) repair() {
	c.lan.t.Helper()
	c.lan.ip("link", "set", c.port, "up")
}
