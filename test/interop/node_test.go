package interop

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netns"

	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/lab/process"
)

// node is a machine of the network: a namespace that forwards packets.
type node struct {
	*network
	name      string
	namespace string
	handle    netns.NsHandle
	links     int
}

// node returns a new machine with nothing but loopback.
func (n *network) node(name string) *node {
	n.t.Helper()
	namespace, handle := n.namespace(name)
	m := &node{network: n, name: name, namespace: namespace, handle: handle}
	n.ip("-n", namespace, "link", "set", "lo", "up")
	for _, s := range []struct{ key, value string }{
		{"ipv4/ip_forward", "1"},
		{"ipv6/conf/all/forwarding", "1"},
		// By addresses and ports, so that several clients of one machine are spread.
		{"ipv4/fib_multipath_hash_policy", "1"},
		{"ipv6/fib_multipath_hash_policy", "1"},
		// A link-local address is usable at once, not after a second.
		{"ipv6/conf/default/accept_dad", "0"},
		// It stays while a link is down, as an IPv4 address does.
		{"ipv6/conf/default/keep_addr_on_down", "1"},
		// An answer may leave by another link than the question came in by.
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
	} {
		m.sysctl(s.key, s.value)
	}
	return m
}

// sysctl sets a key below net.
func (n *node) sysctl(key, value string) {
	n.t.Helper()
	err := n.do(func() error { return os.WriteFile(filepath.Join("/proc/sys/net", key), []byte(value), 0) })
	if err != nil {
		n.t.Fatalf("%s: %v", n.name, err)
	}
}

// address adds addresses to one of the node's links.
func (n *node) address(link string, addresses ...string) {
	n.t.Helper()
	for _, a := range addresses {
		// Without "nodad" an IPv6 address cannot be used at once; IPv4 does not mind.
		n.ip("-n", n.namespace, "address", "add", a, "dev", link, "nodad")
	}
}

// via sets where packets go that no other route fits.
func (n *node) via(gateways ...string) {
	n.t.Helper()
	for _, g := range gateways {
		n.ip("-n", n.namespace, "route", "add", "default", "via", g)
	}
}

// do calls f inside the namespace. Sockets that f makes itself stay there; a
// goroutine that it starts does not run there.
func (n *node) do(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := netns.Set(n.handle); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		back := netns.Set(home)
		if back == nil {
			// Otherwise the thread is lost with its goroutine. It may not end
			// in any other case: the kernel would kill the programs it started.
			runtime.UnlockOSThread()
		}
		err = errors.Join(err, back)
	}()
	return f()
}

// program returns a program to be run inside the namespace, with its output in a
// log of that name. It ends with the test.
func (n *node) program(log string, command ...string) *process.Process {
	p := &process.Process{
		// Every one of these replaces itself by the next: a signal reaches the last.
		Program: "ip", Args: append([]string{"netns", "exec", n.namespace}, command...),
		Log: filepath.Join(n.dir, n.name+"-"+log+".log"),
	}
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

// unpacked returns the command of a file of somebody else's package, which may be
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
