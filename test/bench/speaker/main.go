// Command speaker measures nearcast-speaker as its VIPs and its peers grow: how soon every router
// has every route, what it costs at rest, how soon the route of a dead backend is withdrawn at the
// first and at the last router, and how it ends. The routers are one FRR and BIRD; the speaker has
// one core, and everything else the others.
//
//	go run ./test/bench/speaker [-vips 100,5000] [-peers 1,50] [-rest 30s] [-o FILE] [NAME=PROGRAM...]
//
// With several programs each case is measured with one after the other, such as one of an earlier
// commit beside that of today. It needs root, for the network namespaces that it makes, and FRR and
// BIRD, which it fetches from Debian into NEARCAST_CACHE where the machine lacks them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/test/machine"
)

// program is a nearcast-speaker.
type program struct{ name, path string }

func main() {
	log.SetFlags(0)
	vips := flag.String("vips", "100,1000,5000", "measure with these numbers of VIPs, a `LIST`")
	peers := flag.String("peers", "1,10,50", "measure with these numbers of peers, a `LIST`")
	rest := flag.Duration("rest", 30*time.Second, "observe the speaker at rest for this time")
	out := flag.String("o", "test/bench/speaker/RESULTS.md", "write the report to `FILE`")
	flag.Parse()
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // for as long as it runs
	if err := run(ctx, *vips, *peers, *rest, *out, flag.Args()); err != nil {
		log.Fatal("bench/speaker: ", err)
	}
}

func run(ctx context.Context, vips, peers string, rest time.Duration, out string, programs []string) error {
	sizes, err := numbers("-vips", vips, maxVIPs)
	if err != nil {
		return err
	}
	counts, err := numbers("-peers", peers, maxPeers)
	if err != nil {
		return err
	}
	speakers, err := speakers(programs)
	if err != nil {
		return err
	}
	r := report{rest: rest}
	if r.machine, err = machine.Describe("test/bench/speaker/RESULTS.md"); err != nil {
		return err
	}
	for _, n := range sizes {
		for _, p := range counts {
			for _, speaker := range speakers {
				row, err := measure(ctx, speaker, n, p, rest)
				if err != nil {
					return fmt.Errorf("%s, %d VIPs, %d peers: %w", speaker.name, n, p, err)
				}
				fmt.Println(row.markdown())
				r.rows = append(r.rows, row)
			}
		}
	}
	return os.WriteFile(out, []byte(r.markdown()), 0o644)
}

// speakers reads NAME=PROGRAM; without any it is the one that make build leaves.
func speakers(arguments []string) ([]program, error) {
	if len(arguments) == 0 {
		return []program{{"nearcast-speaker", "bin/nearcast-speaker"}}, nil
	}
	var all []program
	for _, a := range arguments {
		name, path, found := strings.Cut(a, "=")
		if !found {
			return nil, fmt.Errorf("%q: write NAME=PROGRAM", a)
		}
		all = append(all, program{name, path})
	}
	return all, nil
}

// numbers reads a list of numbers from 1 to most.
func numbers(option, list string, most int) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err == nil && (n < 1 || n > most) {
			err = errors.New("out of range")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a number from 1 to %d", option, text, most)
		}
		all = append(all, n)
	}
	return all, nil
}
