package boundaries

import (
	"cmp"
	"fmt"
	"strings"
)

// room is a group of packages with one purpose.
type room struct {
	// folders are those of its packages, and of what is below them unless that has a room
	// of its own.
	folders []string
	purpose string
}

// storeys is the plan of the house, from the top. A package may import those of its own
// room and of lower storeys. Rooms of one storey do not know each other.
var storeys = [][]room{
	{
		{[]string{"cmd"}, "the programs: coredns, nearcast, nearcast-speaker and nearcast-lab"},
		{[]string{"image"}, "makes the container images and the Helm chart"},
		{[]string{"test"}, "the suites, which run the programs beside other people's"},
	},
	{
		{[]string{"lab"}, "a federation of five clusters on this machine: lab, control plane and processes"},
	},
	{
		{[]string{"plugin/check"}, "reads a Corefile with every plugin's parser"},
	},
	{
		{[]string{"plugin/nearcast"}, "the plugin that answers with functions' clusters; feed/ exports them as policy zones"},
		{[]string{"plugin/rpz"}, "the plugin for Response Policy Zones; internal/ reads them and keeps them up to date"},
		{[]string{"plugin/direct"}, "the plugin for UDP sockets of its own"},
		{[]string{"plugin/rrl"}, "the plugin that limits answers by network"},
		{[]string{"plugin/tcp"}, "the plugin that bounds connections"},
		{[]string{"bgp/gateway", "bgp/gobgp", "bgp/kube", "bgp/loopback"}, "the speaker's default routes, sessions, cluster and addresses"},
	},
	{
		{[]string{"plugin/ddr"}, "the plugin that answers for resolver.arpa"},
		{[]string{"bgp"}, "the speaker: what drives the checks, the routes and this machine's addresses"},
	},
	{
		{[]string{"plugin/internal"}, "what plugins share: arguments, blocks, clients, cookies, certificates, caches"},
		{[]string{"bgp/check", "bgp/cluster", "bgp/judge"}, "runs checks, gives Services addresses, and decides the state of each VIP"},
		{[]string{"bgp/outage", "bgp/routerconfig", "bgp/turns"}, "why a session is down, the router's end of it, and when it follows the file"},
	},
	{
		{[]string{"bgp/config"}, "the speaker's file: what it says, its faults, and what it has each peer sent"},
	},
	{
		{[]string{"bgp/session", "bgp/vip"}, "how sessions and VIPs are, with the reasons"},
	},
	{
		{[]string{"bgp/route"}, "what the speaker announces: routes and what they carry"},
		{[]string{"bgp/internal"}, "what the speaker's packages share: the kernel's routes and addresses"},
	},
	{
		{[]string{"internal/site"}, "puts the below together and publishes one immutable View; explain and status"},
	},
	{
		{[]string{"internal/source"}, "where the model comes from: the Karmada API, files, the last state on disk, names of load balancers"},
	},
	{
		{[]string{"internal/steering"}, "ordered candidates with reasons, probes, where clients are"},
	},
	{
		{[]string{"internal/federation/build"}, "makes an immutable State of what is staged, and decides who gets a name or a VIP"},
	},
	{
		{[]string{"internal/federation/staging"}, "holds what sources read, and says what changed"},
	},
	{
		{[]string{"internal/federation/annotation"}, "the grammar of what people write on objects"},
		{[]string{"internal/federation/claims"}, "what an operator allows namespaces"},
	},
	{
		{[]string{"internal/federation"}, "the model: clusters, functions and placements; policy/ is the syntax of policies"},
	},
	{
		{[]string{"internal/testkit"}, "what tests share: federations, peers, ports"},
	},
	{
		{[]string{"internal/base"}, "tools that know nothing of functions: sockets, files, terminals, versions, CoreDNS's order of plugins"},
		{[]string{"lab/functions"}, "the paper's functions: programs that know nothing of Nearcast"},
		{[]string{"manifests"}, "what is deployed, as files"},
		{[]string{"corefile"}, "an example of a Corefile for each use"},
	},
}

// place is where a package is in the plan.
type place struct {
	storey int
	room   *room
}

// placeOf returns the place of the package by the longest folder that it is in; one
// without a room has none.
func placeOf(path string) (found place) {
	longest := -1
	for storey, rooms := range storeys {
		for i := range rooms {
			for _, folder := range rooms[i].folders {
				if under(path, folder) && len(folder) > longest {
					longest, found = len(folder), place{storey, &rooms[i]}
				}
			}
		}
	}
	return found
}

// name is that of its folder, or of its folders as a shell writes them.
func (r *room) name() string {
	if len(r.folders) == 1 {
		return r.folders[0]
	}
	parent, _, _ := strings.Cut(r.folders[0], "/")
	return parent + "/{" + strings.ReplaceAll(strings.Join(r.folders, ","), parent+"/", "") + "}"
}

// mayImport reports whether the rule of the house allows it.
func (p place) mayImport(to place) bool { return p.room == to.room || p.storey < to.storey }

// column is how wide names are in the picture, in characters; a longer one has a line.
const column = 19

// picture draws the plan: each room with its purpose, and an arrow between storeys.
func picture() string {
	var b strings.Builder
	for i, rooms := range storeys {
		if i > 0 {
			b.WriteString("    ↓\n")
		}
		for _, r := range rooms {
			name := r.name()
			if len(name) > column {
				fmt.Fprintln(&b, name)
				name = ""
			}
			fmt.Fprintf(&b, "%-*s %s\n", column, name, r.purpose)
		}
	}
	return b.String()
}

// size is how much is in a room, and what its packages import of other rooms.
type size struct{ packages, lines, down, up int }

// survey writes what is in each room, from the top.
func survey(sizes map[*room]*size) string {
	var b strings.Builder
	lines := 0
	for _, s := range sizes {
		lines += s.lines
	}
	for _, rooms := range storeys {
		for i := range rooms {
			s := cmp.Or(sizes[&rooms[i]], &size{})
			fmt.Fprintf(&b, "%3d packages %6d lines (%2d %%) %3d imports down %d up  %s\n", s.packages, s.lines, 100*s.lines/max(lines, 1), s.down, s.up, rooms[i].name())
		}
	}
	return b.String()
}
