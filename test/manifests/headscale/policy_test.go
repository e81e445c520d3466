// Package headscale evaluates manifests/network/headscale with Headscale's own code,
// and the result with the packet filter of Tailscale's nodes.
package headscale

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	policy "github.com/juanfont/headscale/hscontrol/policy/v2"
	"github.com/juanfont/headscale/hscontrol/types"
	"go4.org/netipx"
	"gorm.io/gorm"
	"tailscale.com/net/packet"
	"tailscale.com/types/ipproto"
	"tailscale.com/types/logger"
	"tailscale.com/wgengine/filter"
)

const folder = "../../../manifests/network/headscale/"

// clusters are the federation's, each of three nodes, of which the first takes
// requests from outside; but mk-core's, which runs no functions.
var clusters = []string{"mk-core", "us-azure", "hpc-kube", "de-wide", "l26-ugd"}

var (
	// federation is the user of the nodes' keys.
	federation = types.User{Model: gorm.Model{ID: 1}, Name: "federation"}
	operator   = types.User{Model: gorm.Model{ID: 2}, Name: "operator"}
	stranger   = types.User{Model: gorm.Model{ID: 3}, Name: "stranger"}
)

// network is the VPN with all nodes.
type network struct {
	manager *policy.PolicyManager
	nodes   types.Nodes
	filters map[types.NodeID]*filter.Filter
}

// newNetwork has the nodes join, in the order of the clusters, and then an operator's
// machine and a stranger's.
func newNetwork(t *testing.T) *network {
	t.Helper()
	data, err := os.ReadFile(folder + "policy.hujson")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{filters: map[types.NodeID]*filter.Filter{}}
	for _, cluster := range clusters {
		for i := range 3 {
			tags := []string{"tag:" + cluster}
			if i == 0 && cluster != "mk-core" {
				tags = append(tags, "tag:gateway")
			}
			n.add(fmt.Sprintf("%s-%d", cluster, i+1), federation, tags)
		}
	}
	n.add("operator", operator, nil)
	n.add("stranger", stranger, nil)
	n.manager, err = policy.NewPolicyManager(data, types.Users{federation, operator, stranger}, n.nodes.ViewSlice())
	if err != nil {
		t.Fatalf("policy.hujson: %v", err)
	}
	for _, node := range n.nodes {
		if n.filters[node.ID], err = n.filter(node); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func (n *network) add(name string, user types.User, tags []string) {
	id := len(n.nodes) + 1
	addr := netip.AddrFrom4([4]byte{100, 64, 0, byte(id)})
	node := &types.Node{ID: types.NodeID(id), Hostname: name, GivenName: name, UserID: user.ID, User: user, IPv4: &addr}
	if tags != nil {
		node.AuthKey = &types.PreAuthKey{ID: uint64(id), UserID: user.ID, User: user, Tags: tags}
	}
	n.nodes = append(n.nodes, node)
}

// filter is the node's packet filter, made of the rules that Headscale sends it.
func (n *network) filter(node *types.Node) (*filter.Filter, error) {
	rules, err := n.manager.FilterForNode(node.View())
	if err != nil {
		return nil, err
	}
	matches, err := filter.MatchesFromFilterRules(rules)
	if err != nil {
		return nil, err
	}
	var local netipx.IPSetBuilder
	local.Add(*node.IPv4)
	set, err := local.IPSet()
	if err != nil {
		return nil, err
	}
	return filter.New(matches, nil, set, new(netipx.IPSet), nil, logger.Discard), nil
}

func (n *network) named(t *testing.T, name string) *types.Node {
	t.Helper()
	i := slices.IndexFunc(n.nodes, func(node *types.Node) bool { return node.Hostname == name })
	if i < 0 {
		t.Fatalf("no node %q", name)
	}
	return n.nodes[i]
}

// passes reports whether a node may connect to another's port, according to the other's
// filter.
func (n *network) passes(from, to *types.Node, proto ipproto.Proto, port uint16) bool {
	if proto == ipproto.TCP {
		return n.filters[to.ID].CheckTCP(*from.IPv4, *to.IPv4, port) == filter.Accept
	}
	var p packet.Parsed
	p.Decode(packet.Generate(packet.UDP4Header{
		IP4Header: packet.IP4Header{IPProto: ipproto.UDP, Src: *from.IPv4, Dst: *to.IPv4},
		SrcPort:   40000, DstPort: port,
	}, []byte("x")))
	return n.filters[to.ID].RunIn(&p, 0) == filter.Accept
}

func TestTheVPNAllowsExactlyTheseConnections(t *testing.T) {
	n := newNetwork(t)
	for _, c := range []struct {
		from, to string
		port     string
		want     bool
		why      string
	}{
		{"us-azure-1", "us-azure-2", "tcp/2379", true, "a cluster is a full mesh: etcd"},
		{"us-azure-3", "us-azure-2", "tcp/10250", true, "kubelets"},
		{"l26-ugd-2", "l26-ugd-3", "udp/4789", true, "Calico's VXLAN"},
		{"hpc-kube-3", "hpc-kube-1", "tcp/51820", true, "any other port"},
		{"mk-core-1", "mk-core-3", "tcp/5443", true, "within mk-core"},

		{"us-azure-2", "mk-core-1", "tcp/5443", true, "a site uses Karmada's API"},
		{"l26-ugd-3", "mk-core-2", "tcp/5443", true, "an agent pulls"},
		{"l26-ugd-3", "mk-core-2", "udp/5443", false, "only TCP"},
		{"us-azure-2", "mk-core-1", "tcp/6443", false, "members may not reach mk-core's own API"},
		{"us-azure-2", "mk-core-1", "tcp/22", false, ""},
		{"us-azure-2", "mk-core-1", "tcp/443", false, "mk-core has no gateway"},

		{"mk-core-1", "us-azure-1", "tcp/6443", true, "Karmada pushes"},
		{"mk-core-3", "de-wide-2", "tcp/6443", true, "Karmada pushes"},
		{"mk-core-1", "hpc-kube-1", "tcp/6443", true, "Karmada pushes, through NAT"},
		{"mk-core-1", "l26-ugd-1", "tcp/6443", false, "it pulls"},
		{"mk-core-1", "us-azure-1", "tcp/10250", false, "only the API"},
		{"mk-core-1", "us-azure-2", "udp/4789", false, ""},

		{"us-azure-2", "de-wide-1", "tcp/443", true, "a site probes a gateway"},
		{"de-wide-3", "l26-ugd-1", "tcp/80", true, "a site probes a gateway"},
		{"mk-core-2", "hpc-kube-1", "tcp/443", true, "mk-core has a resolver, which probes too"},
		{"us-azure-2", "de-wide-2", "tcp/443", false, "it has no gateway"},
		{"us-azure-2", "de-wide-1", "tcp/6443", false, "only the probes' ports"},
		{"us-azure-2", "de-wide-1", "udp/443", false, ""},
		{"us-azure-1", "hpc-kube-1", "tcp/10250", false, "gateways are not a mesh among themselves"},
		{"us-azure-2", "hpc-kube-2", "tcp/22", false, "a node of one cluster and one of another"},
		{"us-azure-2", "hpc-kube-2", "udp/53", false, ""},

		{"operator", "l26-ugd-2", "tcp/22", true, "people"},
		{"operator", "mk-core-1", "tcp/5443", true, ""},
		{"operator", "us-azure-1", "tcp/443", true, "people call functions by addresses in the VPN"},
		{"operator", "us-azure-2", "tcp/443", false, "only at gateways"},
		{"operator", "us-azure-2", "tcp/10250", false, ""},
		{"us-azure-1", "operator", "tcp/22", false, "nobody reaches people's machines"},
		{"stranger", "mk-core-1", "tcp/5443", false, "an unknown user's machine"},
		{"stranger", "us-azure-1", "tcp/443", false, ""},
	} {
		network, number, _ := strings.Cut(c.port, "/")
		proto := map[string]ipproto.Proto{"tcp": ipproto.TCP, "udp": ipproto.UDP}[network]
		var port uint16
		if _, err := fmt.Sscan(number, &port); err != nil {
			t.Fatal(err)
		}
		if got := n.passes(n.named(t, c.from), n.named(t, c.to), proto, port); got != c.want {
			t.Errorf("%s → %s %s: %t, want %t (%s)", c.from, c.to, c.port, got, c.want, c.why)
		}
	}
}

// TestNothingElsePasses tests every pair of nodes at all ports on which something of a
// cluster listens, and at some unused ones.
func TestNothingElsePasses(t *testing.T) {
	n := newNetwork(t)
	ports := []uint16{22, 53, 80, 179, 443, 2379, 2380, 4789, 5443, 5473, 6443, 8080, 9153, 10250, 30080, 41641, 65535}
	passed, refused := 0, 0
	for _, from := range n.nodes {
		for _, to := range n.nodes {
			if from == to {
				continue
			}
			for _, port := range ports {
				for _, proto := range []ipproto.Proto{ipproto.TCP, ipproto.UDP} {
					got, want := n.passes(from, to, proto, port), allowed(from, to, proto, port)
					if got != want {
						t.Errorf("%s → %s %s %d: %t, want %t", from.Hostname, to.Hostname, proto, port, got, want)
					}
					if got {
						passed++
					} else {
						refused++
					}
				}
			}
		}
	}
	t.Logf("%d of %d combinations of nodes, ports and protocols pass", passed, passed+refused)
}

// allowed is the README's table.
func allowed(from, to *types.Node, proto ipproto.Proto, port uint16) bool {
	source, target := clusterOf(from), clusterOf(to)
	switch {
	case target == "":
		return false
	case source == target:
		return true
	case proto != ipproto.TCP:
		return false
	case from.Hostname == "operator":
		return port == 22 || port == 6443 || port == 5443 && target == "mk-core" || to.HasTag("tag:gateway") && (port == 80 || port == 443)
	case source == "":
		return false
	case to.HasTag("tag:gateway") && (port == 80 || port == 443):
		return true
	case target == "mk-core":
		return port == 5443
	default:
		return source == "mk-core" && target != "l26-ugd" && port == 6443
	}
}

func clusterOf(node *types.Node) string {
	for _, cluster := range clusters {
		if node.HasTag("tag:" + cluster) {
			return cluster
		}
	}
	return ""
}

// TestNodesWithoutACommonRuleDoNotSeeEachOther: Headscale does not even send them
// each other's keys and addresses.
func TestNodesWithoutACommonRuleDoNotSeeEachOther(t *testing.T) {
	n := newNetwork(t)
	peers := n.manager.BuildPeerMap(n.nodes.ViewSlice())
	for _, from := range n.nodes {
		var sees []string
		for _, peer := range peers[from.ID] {
			sees = append(sees, peer.Hostname())
		}
		for _, to := range n.nodes {
			if from == to {
				continue
			}
			want := anything(from, to) || anything(to, from)
			if got := slices.Contains(sees, to.Hostname); got != want {
				t.Errorf("%s sees %s: %t, want %t", from.Hostname, to.Hostname, got, want)
			}
		}
	}
}

// anything reports whether a node may reach any port of another.
func anything(from, to *types.Node) bool {
	return slices.ContainsFunc([]uint16{22, 443, 5443, 6443}, func(port uint16) bool { return allowed(from, to, ipproto.TCP, port) })
}
