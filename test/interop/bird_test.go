package interop

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/lab/process"
)

// bird is BIRD in a node.
type bird struct {
	node    *node
	daemon  *process.Process
	birdc   peers.Program
	config  string // the file
	control string // the socket
}

// birdBase begins every configuration: routes go to the kernel, with
// all their next hops, and times are printed as seconds.
const birdBase = `log stderr all;
timeformat protocol "%s";
protocol device {}
protocol kernel { ipv4 { export all; import none; }; merge paths on; }
protocol kernel { ipv6 { export all; import none; }; merge paths on; }
`

// startBIRD starts BIRD with a configuration, which is added to birdBase.
func startBIRD(n *node, config string) *bird {
	n.t.Helper()
	b := &bird{
		node: n, birdc: peers.Find(n.t, "birdc", "bird2"),
		config: filepath.Join(n.dir, n.name+".conf"), control: filepath.Join(n.dir, n.name+".ctl"),
	}
	fixture.Write(n.t, b.config, birdBase+config)
	b.daemon = n.program("bird", append(unpacked(n, b.birdc, "usr/sbin/bird"), "-f", "-c", b.config, "-s", b.control)...)
	b.start()
	return b
}

func (b *bird) start() {
	b.node.t.Helper()
	b.node.run(b.daemon)
	eventually(b.node.t, "bird answers", slack, func() error {
		_, err := b.ask("show status")
		return err
	})
}

func (b *bird) stop() { b.daemon.Stop(syscall.SIGTERM) }

func (b *bird) ask(command string) (string, error) {
	out, err := b.birdc.Command(append([]string{"-s", b.control}, strings.Fields(command)...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("birdc %s: %w: %s", command, err, out)
	}
	return string(out), nil
}

// configure replaces all but birdBase.
func (b *bird) configure(text string) {
	b.node.t.Helper()
	fixture.Write(b.node.t, b.config, birdBase+text)
	if out, err := b.ask("configure"); err != nil || !strings.Contains(out, "Reconfigur") {
		b.node.t.Fatalf("%s: configure: %v\n%s", b.node.name, err, out)
	}
}

// birdProtocol is a block of "show protocols all".
var birdProtocol = regexp.MustCompile(`(?m)^\S+ +BGP +\S+ +\S+ +(\d+) .*\n(?: .*\n)+`)

var birdHold = regexp.MustCompile(`Hold timer: +[\d.]+/(\d+)`)

func (b *bird) session(neighbour string) (routerSession, error) {
	text, err := b.ask("show protocols all")
	if err != nil {
		return routerSession{}, err
	}
	for _, block := range birdProtocol.FindAllStringSubmatch(text, -1) {
		if address, _, _ := strings.Cut(birdField(block[0], "Neighbor address"), "%"); address != neighbour {
			continue
		}
		since, err := strconv.ParseInt(block[1], 10, 64)
		if err != nil {
			return routerSession{}, err
		}
		bfd, err := b.ask("show bfd sessions")
		if err != nil {
			return routerSession{}, err
		}
		s := routerSession{
			established: birdField(block[0], "BGP state") == "Established", since: time.Unix(since, 0),
			bfd: regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(neighbour) + ` +\S+ +Up `).MatchString(bfd),
		}
		if hold := birdHold.FindStringSubmatch(block[0]); hold != nil {
			seconds, err := strconv.Atoi(hold[1])
			if err != nil {
				return routerSession{}, err
			}
			s.hold = time.Duration(seconds) * time.Second
		}
		return s, nil
	}
	return routerSession{}, fmt.Errorf("BIRD has no neighbor %s:\n%s", neighbour, text)
}

// birdField returns the value of a line "name: value", or "".
func birdField(text, name string) string {
	for _, line := range lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (b *bird) best(prefix string) (path, error) { return bestOf(b.paths(prefix)) }

// birdRoute is the first line of a route, and the lines of its attributes. The
// one that is preferred has a star.
var birdRoute = regexp.MustCompile(`(?m)^\S* +unicast \[[^\]]*\] (\*?).*\n(?:\t.*\n)*`)

func (b *bird) paths(prefix string) ([]path, error) {
	text, err := b.ask("show route " + prefix + " all")
	switch {
	case err != nil && strings.Contains(err.Error(), "Network not found"):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var all []path
	for _, route := range birdRoute.FindAllStringSubmatch(text, -1) {
		p, err := birdPath(route[0])
		if err != nil {
			return nil, err
		}
		p.best = route[1] == "*"
		all = append(all, p)
	}
	return all, nil
}

func birdPath(text string) (path, error) {
	p := path{
		nextHop: birdField(text, "BGP.next_hop"), asPath: birdField(text, "BGP.as_path"),
		communities: birdCommunities(birdField(text, "BGP.community")), largeCommunities: birdCommunities(birdField(text, "BGP.large_community")),
		extended: birdField(text, "BGP.ext_community"),
	}
	var errs []error
	for name, into := range map[string]*int{"BGP.med": &p.med, "BGP.local_pref": &p.localPref} {
		if value := birdField(text, name); value != "" {
			var err error
			*into, err = strconv.Atoi(value)
			errs = append(errs, err)
		}
	}
	return p, errors.Join(errs...)
}

// birdCommunities turns "(1,2) (3, 4, 5)" into 1:2 and 3:4:5.
func birdCommunities(text string) []string {
	text = strings.ReplaceAll(text, ", ", ",")
	return strings.Fields(strings.NewReplacer("(", "", ")", "", ",", ":").Replace(text))
}
