package interop

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/lab/process"
)

// node is a machine of the network: a namespace that forwards packets.
type node struct {
	machine
	name  string
	links int
	// cable is the first that leads to it.
	cable *cable
}

// node returns a new machine with nothing but loopback.
func (n *network) node(name string) *node {
	n.t.Helper()
	m := &node{machine: n.machine(name), name: name}
	for _, s := range []struct{ key, value string }{
		{"ipv4/ip_forward", "1"},
		{"ipv6/conf/all/forwarding", "1"},
		// By addresses and ports, so that several clients of one machine are spread.
		{"ipv4/fib_multipath_hash_policy", "1"},
		{"ipv6/fib_multipath_hash_policy", "1"},
		// A link-local address is usable immediately, not after a second.
		{"ipv6/conf/default/accept_dad", "0"},
		// It stays while a link is down, like an IPv4 address.
		{"ipv6/conf/default/keep_addr_on_down", "1"},
		// An answer may leave by another link than the query arrived on.
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
	} {
		m.sysctl(s.key, s.value)
	}
	return m
}

// address adds addresses to one of the node's links.
func (n *node) address(link string, addresses ...string) {
	n.t.Helper()
	for _, a := range addresses {
		// Without "nodad" an IPv6 address cannot be used at once; IPv4 does not mind.
		n.ip("address", "add", a, "dev", link, "nodad")
	}
}

// via sets where packets go that no other route fits.
func (n *node) via(gateways ...string) {
	n.t.Helper()
	for _, g := range gateways {
		n.ip("route", "add", "default", "via", g)
	}
}

// program returns a program to be run inside the namespace, with its output in a
// log of that name. It ends with the test.
func (n *node) program(log string, command ...string) *process.Process {
	command = n.Command(command...)
	p := &process.Process{Program: command[0], Args: command[1:], Log: filepath.Join(n.dir, n.name+"-"+log+".log")}
	// Its namespace goes with it: there is nothing to tidy up.
	n.t.Cleanup(func() { p.Stop(syscall.SIGKILL) })
	return p
}

// run starts a program.
func (n *node) run(p *process.Process) {
	n.t.Helper()
	if err := p.Start(); err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
}

// unpacked returns the command of a file of a Debian package, which may be
// anywhere.
func unpacked(n *node, p peers.Program, file string) []string {
	n.t.Helper()
	path, err := p.File(file)
	if err != nil {
		n.t.Skipf("SKIPPED: %v", err)
	}
	command := []string{"env"}
	for _, variable := range p.Command().Env[len(os.Environ()):] {
		name, folders, _ := strings.Cut(variable, "=")
		for _, folder := range filepath.SplitList(folders) {
			folders += ":" + filepath.Join(folder, "frr") // FRR keeps its libraries there
		}
		command = append(command, name+"="+folders)
	}
	return append(command, path)
}

// lines returns the trimmed lines of a text that are not empty.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func (n *node) nextLink() string {
	n.links++
	return "eth" + strconv.Itoa(n.links-1)
}
