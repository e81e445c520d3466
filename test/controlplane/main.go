// Controlplane builds a real Karmada control plane, and runs one with three
// members until it is told to end.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/program"
	"github.com/nearcast/nearcast/lab/controlplane"
)

func main() {
	var build bool
	var dir string
	c := &cobra.Command{
		Use:   "controlplane",
		Short: "Run a Karmada control plane with three members on this machine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			programs := controlplane.DefaultPrograms()
			err := controlplane.Build(cmd.Context(), "lab/controlplane", programs, os.Stderr)
			if err != nil || build {
				return err
			}
			begin := time.Now()
			p, err := controlplane.Start(cmd.Context(), controlplane.Options{
				Programs: programs, Dir: dir, Log: os.Stderr, Members: controlplane.ThreeMembers,
			})
			if err != nil {
				return err
			}
			nearcast := filepath.Join(filepath.Dir(p.Kubeconfig("")), "nearcast.kubeconfig")
			if err := p.Access(cmd.Context(), nearcast); err != nil {
				return errors.Join(err, p.Close())
			}
			fmt.Printf("ready after %.1f s; end it with Ctrl-C\n\n", time.Since(begin).Seconds())
			fmt.Printf("%s --kubeconfig %s get clusters\n", programs.Kubectl(), p.Kubeconfig(""))
			for _, m := range controlplane.ThreeMembers {
				fmt.Printf("%s --kubeconfig %s get pods -A\n", programs.Kubectl(), p.Kubeconfig(m.Name))
			}
			fmt.Printf("%s: what a server may\n", nearcast)
			<-cmd.Context().Done()
			return p.Close()
		},
	}
	c.Flags().BoolVar(&build, "build", false, "only build the programs")
	c.Flags().StringVar(&dir, "dir", "nearcast-controlplane", "the `FOLDER` for its files; it is removed at the end")
	os.Exit(program.Run(c))
}
