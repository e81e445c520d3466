// Command nearcast-speaker announces a site's shared addresses over BGP as long as the site can
// serve them.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/gateway"
	"github.com/nearcast/nearcast/bgp/gobgp"
	"github.com/nearcast/nearcast/bgp/kube"
	"github.com/nearcast/nearcast/bgp/loopback"
	"github.com/nearcast/nearcast/internal/base/program"
)

func main() { os.Exit(program.Run(command(), handled...)) }

func command() *cobra.Command {
	var file string
	var bind bool
	c := &cobra.Command{
		Use:   "nearcast-speaker --config FILE",
		Short: "Announce shared addresses by BGP while this site can serve them",
		Long: `Announce shared addresses by BGP while this site can serve them.

SIGHUP, or a change of FILE, applies what differs; a file with a fault is refused
whole, and the last good one goes on. SIGTERM drains every address, which takes
both dwells, and then ends; a second one withdraws them at once, and a third one
ends the process as it is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signals := listen(cmd.Context())
			defer signals.close()
			config, err := bgp.Load(file)
			switch {
			case err != nil:
				return err
			case bind:
				return giveAddresses(file, config, cmd.ErrOrStderr())
			}
			return run(signals, file, config, slog.New(slog.NewTextHandler(os.Stdout, nil)))
		},
	}
	c.Flags().StringVar(&file, "config", "/etc/nearcast/speaker.yaml", "configuration `FILE`")
	c.Flags().BoolVar(&bind, "bind", false, "give this machine the addresses with bind: lo and end, before what listens on them starts")
	return c
}

func ownerOf(file string, config *bgp.Config) loopback.Owner {
	return loopback.OwnerOf(file, config.ASN, config.RouterID)
}

// filesBeside returns the directory through which speakers with admin sockets in the same directory
// know of each other; "" without a socket.
func filesBeside(socket string) loopback.Files {
	if socket == "" {
		return ""
	}
	return loopback.Files(filepath.Dir(socket))
}

// giveAddresses gives this machine the addresses with bind: lo. It warns about addresses of a
// family that the machine lacks, and fails if it cannot give any of the others.
func giveAddresses(file string, config *bgp.Config, warnings io.Writer) error {
	addrs := config.Bound()
	failed, err := loopback.New(ownerOf(file, config), "").Give(addrs)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range addrs {
		switch why := failed[a]; {
		case why == nil:
		case errors.Is(why, loopback.ErrNoFamily):
			fmt.Fprintf(warnings, "%s: %s: %v\n", file, a, why)
		default:
			errs = append(errs, fmt.Errorf("%s: %s: %w", file, a, why))
		}
	}
	if err := errors.Join(errs...); len(failed) < len(addrs) && err != nil {
		fmt.Fprintln(warnings, err)
		return nil
	}
	return errors.Join(errs...)
}

func run(signals *signals, file string, config *bgp.Config, log *slog.Logger) error {
	owner := ownerOf(file, config)
	release, err := owner.Claim(file)
	defer release()
	switch {
	case errors.Is(err, loopback.ErrTaken):
		return err
	case err != nil:
		log.Warn("it is not known whether another speaker runs with this configuration", "error", err)
	}
	files := filesBeside(config.Admin)
	if err := files.Note(owner, file); err != nil {
		log.Warn("another speaker will not know what to do with addresses that this one leaves", "error", err)
	}
	defer files.Forget(owner)
	cluster, err := clusterOf(config.Services, log)
	if err != nil {
		return err
	}
	announcer, err := gobgp.NewSpeaker(signals.ctx, config, log)
	if err != nil {
		return err
	}
	return bgp.Run(signals.ctx, bgp.Options{
		Path: file, Config: config, Reload: signals.reload, Hurry: signals.hurry, Announcer: announcer, Binder: loopback.New(owner, files), Cluster: cluster,
		Gateways: gateway.New(log), Log: log,
	})
}

// clusterOf returns the local cluster; nil if Services are not read.
func clusterOf(services bgp.Services, log *slog.Logger) (bgp.Cluster, error) {
	if !services.Enabled {
		return nil, nil
	}
	if services.Node == "" {
		return nil, errors.New("services.node: is required where NODE_NAME is not set")
	}
	return kube.New(services, log)
}
