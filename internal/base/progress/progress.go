// Package progress reports what takes minutes: a line before it, one every [Interval] while
// it lasts, and one after it. A report is safe for concurrent use.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Interval is how often a running job is reported. People take a silent minute for a hang,
// and a shorter interval would fill the log of a CI.
const Interval = 20 * time.Second

// Times is the environment variable with the file to which every reported job appends a
// line: its seconds, a tab and what it did. Without the variable nothing is written.
const Times = "NEARCAST_TIMES"

// Job is something that takes minutes, most of it only the first time.
type Job struct {
	// Doing is what it does: "building Karmada".
	Doing string
	// Why says who needs the result: "the suites karmada and manifests run it".
	Why string
	// Takes is about how long it takes: "10 minutes on 2 cores".
	Takes string
	// Kept is where the result is kept for the next time.
	Kept string
	// After is how long the job runs before the first line; one that ends earlier is not
	// reported. Zero reports it before it begins.
	After time.Duration
}

// Run runs the function, and reports the job on out while it lasts. The function calls step
// with what it does now. Run returns the function's error.
func (j Job) Run(out io.Writer, do func(step func(string)) error) error {
	r := &report{job: j, out: out, began: time.Now()}
	if j.After == 0 {
		r.announce()
	}
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() { r.tick(done) })
	err := do(r.step)
	close(done)
	ticking.Wait()
	r.end(err)
	return err
}

// report is the state of a running job.
type report struct {
	job       Job
	out       io.Writer
	began     time.Time
	announced bool // written before the ticker starts, then by it alone

	mu  sync.Mutex
	now string
}

func (r *report) step(now string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

// tick announces a job that was not announced before, then reports every Interval.
func (r *report) tick(done <-chan struct{}) {
	wait := Interval
	if !r.announced {
		wait = r.job.After
	}
	for {
		select {
		case <-done:
			return
		case <-time.After(wait):
		}
		wait = Interval
		if r.announced {
			r.during()
		} else {
			r.announce()
		}
	}
}

func (r *report) announce() {
	r.announced = true
	line := r.job.Doing
	if r.job.Takes != "" {
		line += ": about " + r.job.Takes + " the first time"
	}
	for _, more := range []string{r.job.Why, kept(r.job.Kept)} {
		if more != "" {
			line += "; " + more
		}
	}
	fmt.Fprintln(r.out, line)
}

func kept(where string) string {
	if where == "" {
		return ""
	}
	return "kept in " + where
}

func (r *report) during() {
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	if now != "" {
		now = "; " + now
	}
	fmt.Fprintf(r.out, "%s: %s so far%s\n", r.job.Doing, r.passed(), now)
}

func (r *report) end(err error) {
	if !r.announced {
		return
	}
	result := "done"
	if err != nil {
		result = "failed"
	}
	fmt.Fprintf(r.out, "%s: %s after %s\n", r.job.Doing, result, r.passed())
	if path := os.Getenv(Times); path != "" {
		if err := note(path, fmt.Sprintf("%d\t%s\n", int(time.Since(r.began).Seconds()), r.job.Doing)); err != nil {
			fmt.Fprintf(r.out, "%s: its time is not recorded: %v\n", r.job.Doing, err)
		}
	}
}

func (r *report) passed() time.Duration { return time.Since(r.began).Round(time.Second) }

// note appends a line at once, so that lines of several processes do not mix.
func note(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
