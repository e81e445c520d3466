// Command bench measures the CPU that one query costs in Nearcast and in CoreDNS's
// own whoami and file plugins, side by side in one run, and writes a table.
//
// The figure is user and system time of the server's process, divided by the
// queries that it answered while it was saturated; targets take turns, and the
// medians of the rounds count. Differences under 15 % mean nothing.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/internal/fixture"
	"github.com/nearcast/nearcast/test/peers"
)

const (
	names    = 10000
	prefixes = 1000
	clusters = 16
)

// target is one server under load.
type target struct {
	name     string
	corefile string
	// ecs has dnsperf send a client-subnet option.
	ecs bool

	port int
	cmd  *exec.Cmd
	cost []float64 // µs of CPU per query, a figure per round
	rate []float64 // queries per second
}

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "`N` rounds, in which every target takes a turn")
	seconds := flag.Int("seconds", 3, "`N` seconds of load per turn")
	out := flag.String("o", "test/bench/RESULTS.md", "the `FILE` to write")
	flag.Parse()
	if err := run(*rounds, *seconds, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

func run(rounds, seconds int, out string) error {
	dnsperf, err := peers.Get("dnsperf", "dnsperf")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "nearcast-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	queries, err := workload(dir)
	if err != nil {
		return err
	}
	targets := []*target{
		{name: "whoami", corefile: "whoami"},
		{name: "file", corefile: "file " + filepath.Join(dir, "zone")},
		{name: "whoami, ECS", corefile: "whoami", ecs: true},
		{name: "nearcast", corefile: steering(dir)},
		{name: "nearcast, ECS", corefile: steering(dir), ecs: true},
	}
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	for i, t := range targets {
		t.port = 5500 + i
		if err := t.start(dir); err != nil {
			return err
		}
	}
	for round := range rounds {
		for _, t := range targets {
			if err := t.turn(dnsperf, queries, seconds); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			log.Printf("round %d of %d: %-14s %5.1f µs/query, %6.0f q/s", round+1, rounds, t.name, t.cost[round], t.rate[round])
		}
	}
	return os.WriteFile(out, []byte(report(targets, rounds, seconds)), 0o644)
}

// workload writes the federation, the zone with the same names, the locations
// and the questions.
func workload(dir string) (queries string, err error) {
	var all []fixture.Document
	var placed []string
	for i := range clusters {
		name := fmt.Sprintf("c%02d", i)
		placed = append(placed, name)
		all = append(all, fixture.Cluster{Name: name, Region: fmt.Sprintf("r%d", i%8), Zone: "z", Address: fmt.Sprintf("192.0.2.%d", i+1), Coordinates: fmt.Sprintf("%d,%d", i, 2*i)})
	}
	var zone, asked, table strings.Builder
	zone.WriteString("$ORIGIN fn.example.org.\n@ 30 IN SOA ns hostmaster 1 7200 1800 86400 5\n@ 30 IN NS ns\nns 30 IN A 192.0.2.53\n")
	for i := range names {
		all = append(all, fixture.Function{Name: fmt.Sprintf("f%d", i), Annotations: fixture.Unprobed(), Clusters: placed})
		fmt.Fprintf(&zone, "f%d.demo 30 IN A 192.0.2.1\n", i)
		fmt.Fprintf(&asked, "f%d.demo.fn.example.org A\n", i)
	}
	for i := range prefixes {
		fmt.Fprintf(&table, "10.%d.%d.0/24,r%d,z%d\n", i/250, i%250, i%8, i)
	}
	if err := os.Mkdir(filepath.Join(dir, "manifests"), 0o755); err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"manifests/all.yaml": fixture.Documents(all...), "zone": zone.String(), "queries": asked.String(), "locations.csv": table.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "queries"), nil
}

func steering(dir string) string {
	return fmt.Sprintf("nearcast {\n cluster c00\n manifests %s/manifests\n locations %s/locations.csv\n}", dir, dir)
}

func (t *target) start(dir string) error {
	corefile := filepath.Join(dir, fmt.Sprintf("%d.Corefile", t.port))
	text := fmt.Sprintf("fn.example.org:%d {\n bind 127.0.0.1\n %s\n}\n", t.port, t.corefile)
	if err := os.WriteFile(corefile, []byte(text), 0o644); err != nil {
		return err
	}
	t.cmd = exec.Command("bin/coredns", "-conf", corefile)
	t.cmd.Stderr = os.Stderr
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := t.cmd.Start(); err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // ten thousand functions are parsed
	return nil
}

func (t *target) stop() {
	if t.cmd != nil && t.cmd.Process != nil {
		_ = t.cmd.Process.Kill()
		_ = t.cmd.Wait()
	}
}

var (
	completed = regexp.MustCompile(`Queries completed:\s+(\d+)`)
	noError   = regexp.MustCompile(`NOERROR \d+ \(100\.00%\)`)
)

// subnetOption is the client-subnet option of 10.1.7.0/24, code and data, as
// dnsperf takes it.
const subnetOption = "8:000118000a0107"

// turn saturates the target once.
func (t *target) turn(dnsperf peers.Program, queries string, seconds int) error {
	args := []string{"-s", "127.0.0.1", "-p", strconv.Itoa(t.port), "-d", queries, "-l", strconv.Itoa(seconds), "-c", "16", "-q", "200"}
	if t.ecs {
		args = append(args, "-e", "-E", subnetOption)
	}
	before, err := cpu(t.cmd.Process.Pid)
	if err != nil {
		return err
	}
	out, err := dnsperf.Command(args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	after, err := cpu(t.cmd.Process.Pid)
	if err != nil {
		return err
	}
	found := completed.FindSubmatch(out)
	if found == nil || !noError.Match(out) {
		return fmt.Errorf("not every query was answered:\n%s", out)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return err
	}
	t.cost = append(t.cost, float64((after-before).Microseconds())/n)
	t.rate = append(t.rate, n/float64(seconds))
	return nil
}

// clockTick is the unit of /proc's times; Linux fixes it for user space.
const clockTick = 10 * time.Millisecond

// cpu returns the user and system time of a process.
func cpu(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

func report(targets []*target, rounds, seconds int) string {
	var b strings.Builder
	commit, _ := exec.Command("git", "rev-parse", "--short", "HEAD").Output() // none outside a checkout
	fmt.Fprintf(&b, "# CPU per query\n\n`make bench`, commit %s, %s, %s/%s, %d cores. CoreDNS 1.15.0, one server block with one plugin each;\n",
		strings.TrimSpace(string(commit)), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(&b, "%d names, %d clusters, %d locations. Medians of %d interleaved rounds of %d s at saturation, dnsperf over loopback UDP.\n\n", names, clusters, prefixes, rounds, seconds)
	b.WriteString("| server | CPU µs/query | least–most | to whoami | to file | queries/s |\n|---|---|---|---|---|---|\n")
	whoami, file := median(targets[0].cost), median(targets[1].cost)
	for _, t := range targets {
		m := median(t.cost)
		fmt.Fprintf(&b, "| %s | %.1f | %.1f–%.1f | %.2f | %.2f | %.0f |\n", t.name, m, slices.Min(t.cost), slices.Max(t.cost), m/whoami, m/file, median(t.rate))
	}
	return b.String()
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
