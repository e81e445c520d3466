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
	"github.com/nearcast/nearcast/bgp/config"
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

SIGHUP, or a change of FILE, applies what differs; a file with a fault is refused as a
whole, and the last good one stays in force. SIGTERM drains every address, which takes
both dwells, and then exits; a second SIGTERM withdraws the addresses at once, and a
third one exits immediately.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signals := listen(cmd.Context())
			defer signals.close()
			config, err := config.Load(file)
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
	c.Flags().BoolVar(&bind, "bind", false, "add the addresses with bind: lo to this machine and exit; run this before the programs that listen on them start")
	return c
}

func ownerOf(file string, config *config.Config) loopback.Owner {
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
func giveAddresses(file string, config *config.Config, warnings io.Writer) error {
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

func run(signals *signals, file string, config *config.Config, log *slog.Logger) error {
	owner := ownerOf(file, config)
	release, err := owner.Claim(file)
	defer release()
	switch {
	case errors.Is(err, loopback.ErrTaken):
		return err
	case err != nil:
		log.Warn("cannot tell whether another speaker runs with this configuration", "error", err)
	}
	files := filesBeside(config.Admin)
	if err := files.Note(owner, file); err != nil {
		log.Warn("cannot note this speaker; if it leaves addresses behind, another speaker will not know what to do with them", "error", err)
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
func clusterOf(services config.Services, log *slog.Logger) (bgp.Cluster, error) {
	if !services.Enabled {
		return nil, nil
	}
	if services.Node == "" {
		return nil, errors.New("services.node: is required if NODE_NAME is not set")
	}
	return kube.New(services, log)
}
