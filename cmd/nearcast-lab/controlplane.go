package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// modules is the directory, in Nearcast's sources, of the modules that pin a control plane's
// programs.
const modules = "lab/controlplane"

func controlPlaneCommand() *cobra.Command {
	var build bool
	var dir string
	c := &cobra.Command{
		Use:   "controlplane",
		Short: "Run a Karmada control plane with three members on this machine",
		Long: `Build a real Karmada control plane, which takes ten minutes the first time, and run it
with three members until Ctrl-C. Run it in the directory of Nearcast's sources.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			programs := controlplane.DefaultPrograms()
			err := controlplane.Build(cmd.Context(), modules, programs, os.Stderr)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w; run it in the directory of Nearcast's sources", err)
			}
			if err != nil || build {
				return err
			}
			return runControlPlane(cmd.Context(), programs, dir)
		},
	}
	c.Flags().BoolVar(&build, "build", false, "only build the programs")
	c.Flags().StringVar(&dir, "dir", "nearcast-controlplane", "the `DIRECTORY` for its files; it is removed on exit")
	return c
}

func runControlPlane(ctx context.Context, programs controlplane.Programs, dir string) error {
	begin := time.Now()
	p, err := controlplane.Start(ctx, controlplane.Options{
		Programs: programs, Dir: dir, Log: os.Stderr, Members: controlplane.ThreeMembers,
	})
	if err != nil {
		return err
	}
	nearcast := filepath.Join(filepath.Dir(p.Kubeconfig("")), "nearcast.kubeconfig")
	if err := p.Access(ctx, nearcast); err != nil {
		return errors.Join(err, p.Close())
	}
	fmt.Printf("ready after %.1f s; stop it with Ctrl-C\n\n", time.Since(begin).Seconds())
	fmt.Printf("%s --kubeconfig %s get clusters\n", programs.Kubectl(), p.Kubeconfig(""))
	for _, m := range controlplane.ThreeMembers {
		fmt.Printf("%s --kubeconfig %s get pods -A\n", programs.Kubectl(), p.Kubeconfig(m.Name))
	}
	fmt.Printf("%s: the permissions of a server\n", nearcast)
	<-ctx.Done()
	return p.Close()
}
