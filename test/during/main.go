// Command during runs a command, mostly a go command with -v, and reports on standard error
// what it does while it takes long: see package progress.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/progress"
)

func main() {
	var job progress.Job
	flag.StringVar(&job.Doing, "doing", "", "`WHAT` the command does: building the programs")
	flag.StringVar(&job.Why, "why", "", "the `REASON` for doing it")
	flag.StringVar(&job.Takes, "takes", "", "about how `LONG` it takes the first time: 2 minutes")
	flag.StringVar(&job.Kept, "kept", "", "the `DIRECTORY` where the result is kept")
	flag.DurationVar(&job.After, "after", 5*time.Second, "report a command only once it has run for this `DURATION`")
	flag.Parse()
	if job.Doing == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: during -doing WHAT [flags] COMMAND [ARGUMENT...]")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := during(job, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// during runs the command of the job. The error of a command that fails has the end of what
// it wrote on standard error.
func during(job progress.Job, command []string) error {
	return job.Run(os.Stderr, func(step func(string)) error {
		messages := &progress.Build{Step: step}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, messages
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s\n%s: %w", messages.Messages(), strings.Join(command, " "), err)
		}
		return nil
	})
}
