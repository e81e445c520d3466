package interop

// lan is a switch that nodes are connected to.
type lan struct {
	network   *network
	namespace string
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
	namespace, handle := n.namespace(name)
	// Or it would be a neighbour of its nodes itself.
	(&node{network: n, name: name, handle: handle}).sysctl("ipv6/conf/default/disable_ipv6", "1")
	n.ip("-n", namespace, "link", "add", "switch", "type", "bridge")
	n.ip("-n", namespace, "link", "set", "switch", "up")
	return &lan{network: n, namespace: namespace}
}

// join connects a node, with its addresses on the new link.
func (l *lan) join(n *node, addresses ...string) *cable {
	n.t.Helper()
	c := &cable{lan: l, port: n.name, link: n.nextLink()}
	n.ip("-n", l.namespace, "link", "add", c.port, "type", "veth", "peer", "name", c.link, "netns", n.namespace)
	n.ip("-n", l.namespace, "link", "set", c.port, "master", "switch", "up")
	n.ip("-n", n.namespace, "link", "set", c.link, "up")
	n.address(c.link, addresses...)
	return c
}

// cut takes the carrier away from the node, which keeps its addresses. Nobody
// else at the switch notices.
func (c *cable) cut() {
	c.lan.network.t.Helper()
	c.lan.network.ip("-n", c.lan.namespace, "link", "set", c.port, "down")
}

// mend undoes cut.
func (c *cable) mend() {
	c.lan.network.t.Helper()
	c.lan.network.ip("-n", c.lan.namespace, "link", "set", c.port, "up")
}
