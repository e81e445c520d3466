// Package program runs a command in the way common to all of Nearcast's programs.
package program

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/base/version"
)

// Run executes the command with a flag --version, and returns the process's exit status.
// Output contains text from tenants and members, so Run escapes control characters before
// they reach a terminal. The context ends with SIGINT, SIGTERM or SIGHUP, except for
// signals that the command handles itself; a second signal ends the process at once.
func Run(c *cobra.Command, handled ...os.Signal) int {
	ctx := context.Background()
	var signals []os.Signal
	for _, one := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !slices.Contains(handled, one) && (one != syscall.SIGHUP || !signal.Ignored(one)) { // nohup ignores SIGHUP
			signals = append(signals, one)
		}
	}
	if len(signals) > 0 { // without arguments it would catch all signals
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, signals...)
		defer stop()
		context.AfterFunc(ctx, stop)
	}
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
