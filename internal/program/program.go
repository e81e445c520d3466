// Package program runs a command the way all of Nearcast's programs do.
package program

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/brief"
	"github.com/nearcast/nearcast/internal/version"
)

// Run executes the command, gives it the flag --version, and returns the process's exit
// status. What it prints holds words of tenants and members, of which a terminal is given
// no control characters. Its context ends with SIGINT, SIGTERM or SIGHUP, but for those
// that the command handles itself; a second signal ends the process at once.
func Run(c *cobra.Command, handled ...os.Signal) int {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) && !slices.Contains(handled, os.Signal(syscall.SIGHUP)) { // as nohup has it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop)
	c.Version = version.Nearcast
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetOut(brief.Writer(os.Stdout))
	c.SetErr(brief.Writer(os.Stderr))
	if err := c.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "%s: %v\n", c.Name(), err)
		return 1
	}
	return 0
}
