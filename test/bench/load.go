package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

const (
	// outstanding is how many queries wait for an answer at a time at most: more
	// than a batch of any server. A socket's buffer has room for 256 by default, a
	// quarter of which Linux is late to free; what does not fit is lost.
	outstanding = 150
	// clients are sockets, so that servers with SO_REUSEPORT use all of theirs.
	clients = 16
	// timeout is when dnsperf takes a query for lost.
	timeout = time.Second
	// fillTimeout is timeout while caches are filled: a resolver may have to ask twice.
	fillTimeout = 10 * time.Second
	// lostAtMost is the share of queries that may be lost to a buffer.
	lostAtMost = 0.001
)

// load is what became of the queries that were sent.
type load struct {
	answered int
	lasted   time.Duration
	// p50 and p99 are of the time to the answer; 0 where they were not asked for.
	p50, p99 time.Duration
}

// rate is answered queries per second.
func (l load) rate() float64 { return float64(l.answered) / l.lasted.Seconds() }

// generator is dnsperf.
type generator struct {
	program peers.Program
	// scratch is a file for what dnsperf prints.
	scratch string
}

// newGenerator fetches dnsperf where the machine has none.
func newGenerator() (generator, error) {
	found, err := peers.Get(dnsperf.name, dnsperf.debian)
	if err != nil {
		return generator{}, err
	}
	scratch, err := os.CreateTemp("", "nearcast-dnsperf")
	if err != nil {
		return generator{}, err
	}
	return generator{found, scratch.Name()}, scratch.Close()
}

// warm fills the server's caches: it asks everything once, as far as there is time.
// BIND drops queries for a name that many wait for already.
func (g generator) warm(port int, queries string, lasting time.Duration) (load, error) {
	return g.run(port, "-d", queries, "-n", "1", "-l", seconds(lasting), "-t", seconds(fillTimeout))
}

// saturate sends as many queries as the server answers.
func (g generator) saturate(port int, queries string, lasting time.Duration) (load, error) {
	return g.run(port, "-d", queries, "-l", seconds(lasting), "-t", seconds(timeout))
}

// steady sends queries at a fixed rate, and has the percentiles of the latency.
func (g generator) steady(port int, queries string, lasting time.Duration, rate int) (load, error) {
	return g.run(port, "-d", queries, "-l", seconds(lasting), "-Q", strconv.Itoa(rate), "-t", seconds(timeout), "-v")
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// run has dnsperf print into a file, so that nobody else's work disturbs its own.
func (g generator) run(port int, args ...string) (load, error) {
	out, err := os.Create(g.scratch)
	if err != nil {
		return load{}, err
	}
	defer out.Close()
	cmd := g.program.Command(append([]string{"-s", address, "-p", strconv.Itoa(port), "-B", "-W",
		"-c", strconv.Itoa(clients), "-q", strconv.Itoa(outstanding)}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(g.scratch) // the error stands without
		return load{}, fmt.Errorf("dnsperf: %w: %s", err, text)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return load{}, err
	}
	return parseLoad(out)
}

var (
	completed = regexp.MustCompile(`Queries completed:\s+(\d+)`)
	lost      = regexp.MustCompile(`Queries lost:\s+(\d+)`)
	runTime   = regexp.MustCompile(`Run time \(s\):\s+([\d.]+)`)
	noError   = regexp.MustCompile(`Response codes:\s+NOERROR \d+ \(100\.00%\)`)
)

// parseLoad reads what dnsperf prints, with -v a line for each answer too. It is
// an error if queries were lost, or answered with anything but NOERROR.
func parseLoad(r io.Reader) (load, error) {
	var l load
	var latencies []time.Duration
	var rest strings.Builder
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "> ") {
			rest.WriteString(line + "\n")
			continue
		}
		if strings.HasPrefix(line, "> T ") {
			continue // timed out; the sum is below
		}
		took, err := time.ParseDuration(line[strings.LastIndexByte(line, ' ')+1:] + "s")
		if err != nil {
			return load{}, fmt.Errorf("dnsperf printed %q: %w", line, err)
		}
		latencies = append(latencies, took)
	}
	if err := lines.Err(); err != nil {
		return load{}, err
	}
	text := rest.String()
	answered, err := number(completed, text)
	if err != nil {
		return load{}, err
	}
	unanswered, err := number(lost, text)
	if err != nil {
		return load{}, err
	}
	took, err := number(runTime, text)
	if err != nil {
		return load{}, err
	}
	if answered == 0 || unanswered > lostAtMost*answered || !noError.MatchString(text) {
		return load{}, fmt.Errorf("not every query got a correct answer:\n%s", text)
	}
	l.answered, l.lasted = int(answered), time.Duration(took*float64(time.Second))
	if len(latencies) > 0 {
		slices.Sort(latencies)
		l.p50, l.p99 = percentile(latencies, 50), percentile(latencies, 99)
	}
	return l, nil
}

// number is the one number that the expression finds.
func number(in *regexp.Regexp, text string) (float64, error) {
	found := in.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("dnsperf printed no %q:\n%s", in, text)
	}
	return strconv.ParseFloat(found[1], 64)
}

// percentile is the least of the sorted values that p per cent do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}
