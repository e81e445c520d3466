package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

// atRest compares what servers cost that nobody asks: a site that waits, and its probes.
func atRest() group {
	g := group{
		title: "At rest",
		text: fmt.Sprintf("What a server uses that nobody asks, as deployed, each server alone, in %s s: %s functions in each of %d clusters. "+
			"Probes have their defaults. Beside those of the clusters' gateways, one in %d functions is probed by itself, in each cluster. "+
			"Octets are those of all of the loopback interface in both directions, with their headers: run it in a network namespace.",
			seconds(restLasts), grouped(usual.functions), usual.clusters, aloneIn),
		rests: true,
		targets: []target{
			{name: "whoami", program: coreDNS, config: "whoami", deployed: true, counted: true, size: usual, asks: plain, expects: anything},
			{name: "nearcast, no probes", program: coreDNS, config: "rest", deployed: true, size: usual, asks: plain, expects: always(0)},
		},
	}
	for _, row := range []struct {
		name    string
		probed  probed
		follows bool
	}{
		{"nearcast, gateways", gatewaysProbed, false},
		{"nearcast, gateways, from the API, with a snapshot", gatewaysProbed, true},
		{"nearcast, gateways and functions by TCP", tcpProbed, false},
		{"nearcast, gateways and functions by HTTP", httpProbed, false},
	} {
		size := usual
		size.probed = row.probed
		g.targets = append(g.targets, target{name: row.name, program: coreDNS, config: "rest", deployed: true, follows: row.follows, size: size, asks: plain, expects: atGateway})
	}
	return g
}

const (
	// calmAfter is how long a server may work on what it has read.
	calmAfter = 15 * time.Second
	// restLasts has the work of every minute once.
	restLasts = time.Minute
)

// AtRest is what a server used that nobody asked.
type AtRest struct {
	Lasted time.Duration
	usage.Threads
	counters
	// Octets went over loopback.
	Octets int
	Memory usage.Bytes
}

// counters are those of a server's metrics.
type counters struct{ Allocations, Allocated, Collections, Probes float64 }

// restAlone starts one server after the other, leaves it alone, and ends it before the next.
func (r *runner) restAlone(ctx context.Context, servers []*server, table Table) error {
	for i, s := range servers {
		row := &table.Rows[i]
		_, _, err := s.start(ctx)
		if err == nil {
			row.AtRest, err = s.rest(ctx)
		}
		s.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		r.progressed("%s: %-52s %.3f %% of a core, %.0f sleeps a second", table.title, row.name, row.AtRest.share(), row.AtRest.each(float64(row.AtRest.Sleeps), time.Second))
	}
	return nil
}

// rest reads what the server uses while nobody asks it.
func (s *server) rest(ctx context.Context) (AtRest, error) {
	if err := pause(ctx, calmAfter); err != nil {
		return AtRest{}, err
	}
	before, err := s.used(true)
	if err != nil {
		return AtRest{}, err
	}
	begin := time.Now()
	if err := pause(ctx, restLasts); err != nil {
		return AtRest{}, err
	}
	lasted := time.Since(begin)
	after, err := s.used(false)
	if err != nil {
		return AtRest{}, err
	}
	after.Lasted, after.CPU, after.Sleeps, after.Octets = lasted, after.CPU-before.CPU, after.Sleeps-before.Sleeps, after.Octets-before.Octets
	after.Allocations -= before.Allocations
	after.Allocated -= before.Allocated
	after.Collections -= before.Collections
	after.Probes -= before.Probes
	return after, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// used reads what the server has used since it was started. What it costs to be asked for
// counters is left out: they are read first, or last.
func (s *server) used(countersFirst bool) (u AtRest, err error) {
	if countersFirst {
		if u.counters, err = s.counters(); err != nil {
			return u, err
		}
	}
	pid := s.cmd.Process.Pid
	if u.Threads, err = usage.ThreadsOf(pid); err != nil {
		return u, err
	}
	if u.Memory, err = usage.Memory(pid); err != nil {
		return u, err
	}
	if u.Octets, err = usage.LoopbackOctets(pid); err != nil {
		return u, err
	}
	if !countersFirst {
		u.counters, err = s.counters()
	}
	return u, err
}

// counters asks for the server's metrics.
func (s *server) counters() (counters, error) {
	address := net.JoinHostPort(s.place.Address, strconv.Itoa(s.place.MetricsPort()))
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return counters{}, err
	}
	defer resp.Body.Close()
	return parseCounters(resp.Body)
}

// parseCounters reads Prometheus's text; probes of all kinds and results count together.
func parseCounters(text io.Reader) (c counters, err error) {
	wanted := map[string]*float64{
		"go_memstats_mallocs_total": &c.Allocations, "go_memstats_alloc_bytes_total": &c.Allocated,
		"go_gc_duration_seconds_count": &c.Collections, "coredns_nearcast_probes_total": &c.Probes,
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		if wanted[name] == nil {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return c, fmt.Errorf("metric %q: %w", lines.Text(), err)
		}
		*wanted[name] += n
	}
	return c, lines.Err()
}

// share is the time of one core, in per cent.
func (a AtRest) share() float64 { return 100 * a.CPU.Seconds() / a.Lasted.Seconds() }

// each returns how much of n falls into the time.
func (a AtRest) each(n float64, per time.Duration) float64 {
	return n * per.Seconds() / a.Lasted.Seconds()
}

const day = 24 * time.Hour

// rests are the figures of a group that was left alone.
func (t Table) atRest() string {
	var b strings.Builder
	b.WriteString("| server | CPU, % of a core | sleeps/s | probes/s | allocations/s | KiB allocated/s | collections/min | MB a day on the network | MiB resident | anonymous |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range t.Rows {
		a := row.AtRest
		cells := []float64{
			a.share(), a.each(float64(a.Sleeps), time.Second), a.each(a.Probes, time.Second), a.each(a.Allocations, time.Second), a.each(a.Allocated, time.Second) / (1 << 10),
			a.each(a.Collections, time.Minute), a.each(float64(a.Octets), day) / 1e6, mebibytes(a.Memory.Resident), mebibytes(a.Memory.Anonymous),
		}
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, cell := range cells {
			fmt.Fprintf(&b, " %s |", figure(cell))
		}
		b.WriteString("\n")
	}
	return b.String()
}
