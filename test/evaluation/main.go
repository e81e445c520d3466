// Command evaluation repeats the paper's: clients in three countries call functions
// of the lab's federation, through paths with the latencies between its locations, by
// the nearest cluster and by other ways to choose one. It writes a report and plots.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/test/machine"
)

// rounds are enough for a 95th percentile.
const rounds = 40

func main() {
	log.SetFlags(0)
	var o options
	flag.IntVar(&o.rounds, "rounds", rounds, "make every call `N` times")
	flag.StringVar(&o.bin, "bin", "bin", "run the programs and functions in `DIR`")
	flag.StringVar(&o.dir, "o", "test/evaluation", "write REPORT.md and its plots to `DIR`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		log.Fatal("evaluation: ", err)
	}
}

type options struct {
	rounds   int
	bin, dir string
}

// run measures and writes.
func run(ctx context.Context, o options) (err error) {
	begin := time.Now()
	w, err := newWorld(ctx, o.bin, Functions, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	r := Results{Rounds: o.rounds}
	if r.Machine, err = machine.Describe("test/evaluation/REPORT.md", "test/evaluation/*.svg"); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "measuring a user who moves ...")
	if r.Journeys, err = w.travel(ctx, itinerary); err != nil {
		return err
	}
	r.Samples, err = w.measure(ctx, o.rounds, func(round int) { fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds) })
	if err != nil {
		return err
	}
	r.Took = time.Since(begin)
	return r.write(o.dir)
}
