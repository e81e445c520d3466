// Command nearcast-speaker announces a site's shared addresses by BGP for as
// long as the site can serve them.
package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/gobgp"
	"github.com/nearcast/nearcast/internal/program"
)

func main() { os.Exit(program.Run(command())) }

func command() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "nearcast-speaker --config FILE",
		Short: "Announce shared addresses by BGP while this site can serve them",
		Args:  cobra.NoArgs,
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
