// Command nearcast is the command for people: it runs the lab, explains answers
// and checks configurations.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "nearcast:", err)
		os.Exit(1)
	}
}

func run() error {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return root().ExecuteContext(ctx)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "nearcast",
		Short:         "Send every call of a function to the nearest healthy cluster of a Karmada federation",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.PersistentFlags().StringP("output", "o", "text", "output `FORMAT`: text or json")
	c.AddCommand(labCommand(), explainCommand(), checkCommand(), statusCommand())
	return c
}

// wantsJSON reads the -o flag.
func wantsJSON(c *cobra.Command) (bool, error) {
	switch format, err := c.Flags().GetString("output"); {
	case err != nil:
		return false, err
	case format == "json":
		return true, nil
	case format == "text":
		return false, nil
	default:
		return false, fmt.Errorf("output %q is neither text nor json", format)
	}
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
