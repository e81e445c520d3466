package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/lab/process"
)

// frr is FRR's daemons in a node.
type frr struct {
	node    *node
	dir     string
	names   []string // in the order in which they start
	daemons map[string]*process.Process
}

// startFRR starts zebra, bgpd and, where the configuration has to do with BFD,
// bfdd; all read the same configuration.
func startFRR(n *node, config string) *frr {
	n.t.Helper()
	f := &frr{node: n, dir: filepath.Join(n.dir, n.name+"-frr"), names: []string{"zebra", "bgpd"}, daemons: map[string]*process.Process{}}
	if strings.Contains(config, "bfd") {
		f.names = append(f.names, "bfdd")
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		n.t.Fatal(err)
	}
	fixture.Write(n.t, f.file("frr.conf"), config)
	// The daemons look for this group before they read any option.
	fixture.Write(n.t, f.file("group"), "root:x:0:\nfrrvty:x:0:\n")
	pkg := peers.Find(n.t, "vtysh", "frr")
	for _, name := range f.names {
		f.daemons[name] = n.program(name, f.command(unpacked(n, pkg, "usr/lib/frr/"+name), name)...)
	}
	f.start()
	f.wantKnownLines(config)
	return f
}

func (f *frr) file(name string) string { return filepath.Join(f.dir, name) }

// command returns a daemon's, which sees an /etc/group with its group and a /run
// of its own: Debian's package makes the one when it is installed, and bfdd puts
// a socket into the other.
func (f *frr) command(daemon []string, name string) []string {
	private := []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/group && mount -t tmpfs tmpfs /run && mkdir /run/frr && exec "$@"`, f.file("group")}
	return slices.Concat(private, daemon, []string{
		"-u", "root", "-g", "root", "-P", "0", "-f", f.file("frr.conf"), "-i", f.file(name + ".pid"),
		"-z", f.file("zserv"), "--vty_socket", f.dir, "--log", "stdout", "--log-level", "informational",
	})
}

func (f *frr) start() {
	f.node.t.Helper()
	for _, name := range f.names {
		f.node.run(f.daemons[name])
		eventually(f.node.t, name+" answers", slack, func() error {
			_, err := vty(f.file(name+".vty"), "show version")
			return err
		})
	}
}

func (f *frr) stop() {
	for _, name := range slices.Backward(f.names) {
		f.daemons[name].Stop(syscall.SIGTERM)
	}
}

func (f *frr) ask(command string) (string, error) { return vty(f.file("bgpd.vty"), command) }

// configure adds lines to bgpd's configuration.
func (f *frr) configure(text string) {
	f.node.t.Helper()
	commands := slices.Concat([]string{"configure terminal"}, lines(text), []string{"end"})
	if _, err := vty(f.file("bgpd.vty"), commands...); err != nil {
		f.node.t.Fatalf("%s: %v", f.node.name, err)
	}
}

var unknownLine = regexp.MustCompile(`on config line (\d+): `)

// wantKnownLines fails the test if no daemon accepted one of the lines.
func (f *frr) wantKnownLines(config string) {
	f.node.t.Helper()
	unknown := map[string]int{}
	for _, name := range f.names {
		log, err := os.ReadFile(f.daemons[name].Log)
		if err != nil {
			f.node.t.Fatal(err)
		}
		for _, found := range unknownLine.FindAllStringSubmatch(string(log), -1) {
			if unknown[found[1]]++; unknown[found[1]] == len(f.names) {
				f.node.t.Fatalf("FRR rejects line %s of\n%s", found[1], config)
			}
		}
	}
}

func (f *frr) session(neighbour string) (routerSession, error) {
	var all map[string]struct {
		State string `json:"bgpState"`
		Epoch int64  `json:"bgpTimerUpEstablishedEpoch"`
		Hold  int64  `json:"bgpTimerHoldTimeMsecs"`
		BFD   struct {
			Status string `json:"status"`
		} `json:"peerBfdInfo"`
	}
	if err := f.json(&all, "show bgp neighbors "+neighbour+" json"); err != nil {
		return routerSession{}, err
	}
	n, ok := all[neighbour]
	if !ok {
		return routerSession{}, fmt.Errorf("FRR has no neighbor %s", neighbour)
	}
	return routerSession{
		established: n.State == "Established", bfd: n.BFD.Status == "Up",
		since: time.Unix(n.Epoch, 0), hold: time.Duration(n.Hold) * time.Millisecond,
	}, nil
}

func (f *frr) best(prefix string) (path, error) { return bestOf(f.paths(prefix)) }

func (f *frr) paths(prefix string) ([]path, error) {
	type communities struct{ String string }
	var table struct {
		Paths []struct {
			Best           struct{ Overall bool }  `json:"bestpath"`
			ASPath         struct{ String string } `json:"aspath"`
			Hops           []struct{ IP string }   `json:"nexthops"`
			Metric         int                     `json:"metric"`
			LocPrf         int                     `json:"locPrf"`
			Community      communities             `json:"community"`
			LargeCommunity communities             `json:"largeCommunity"`
			Extended       communities             `json:"extendedCommunity"`
		} `json:"paths"`
	}
	if err := f.json(&table, "show bgp "+family(prefix)+" unicast "+prefix+" json"); err != nil {
		return nil, err
	}
	var all []path
	for _, p := range table.Paths {
		if len(p.Hops) == 0 {
			continue
		}
		numbers := strings.NewReplacer("Local", "", "graceful-shutdown", "65535:0", "gracefulShutdown", "65535:0")
		all = append(all, path{
			best: p.Best.Overall, nextHop: p.Hops[0].IP, asPath: numbers.Replace(p.ASPath.String), med: p.Metric, localPref: p.LocPrf,
			communities: strings.Fields(numbers.Replace(p.Community.String)), largeCommunities: strings.Fields(p.LargeCommunity.String),
			extended: p.Extended.String,
		})
	}
	return all, nil
}

func (f *frr) json(into any, command string) error {
	text, err := f.ask(command)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, text)
	}
	return nil
}
