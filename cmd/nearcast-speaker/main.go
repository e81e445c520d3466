// Command nearcast-speaker announces a site's shared addresses by BGP for as
// long as the site can serve them.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/gobgp"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "nearcast-speaker:", err)
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
	return command().ExecuteContext(ctx)
}

func command() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:           "nearcast-speaker --config FILE",
		Short:         "Announce shared addresses by BGP while this site can serve them",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := bgp.Load(file)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(os.Stdout, nil))
			speaker, err := gobgp.NewSpeaker(cmd.Context(), config, log)
			if err != nil {
				return err
			}
			return bgp.Run(cmd.Context(), config, speaker, log)
		},
	}
	c.Flags().StringVar(&file, "config", "/etc/nearcast/speaker.yaml", "configuration `FILE`")
	return c
}
