package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/lab"
	"github.com/nearcast/nearcast/lab/controlplane"
)

// labDir is the default directory. It is in the working directory of whoever starts the lab, so
// that the manifests are easy to find.
const labDir = "nearcast-lab"

func labCommand() *cobra.Command {
	var o lab.Options
	var karmada bool
	c := &cobra.Command{
		Use:   "nearcast-lab",
		Short: "Run a federation of five clusters on this machine",
		Long: `Run a federation on this machine, without Kubernetes and without
privileges: five clusters, each with a CoreDNS, a speaker and (except mk-core)
functions, and one router that peers with every speaker. hello is WebAssembly with
an instance per call, thumbnail a process per call, archive a process that keeps
running. Ctrl-C stops the lab and leaves nothing behind.

With --karmada, the functions are declared on the API of a real Karmada control
plane, whose members are the clusters that run functions.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if karmada {
				o.Karmada, o.Log = controlplane.DefaultPrograms(), os.Stdout
			}
			return runLab(cmd.Context(), o)
		},
	}
	c.PersistentFlags().StringVar(&o.Dir, "dir", labDir, "the `DIRECTORY` of the lab")
	c.Flags().StringVar(&o.Bin, "bin", besideMe(), "the `DIRECTORY` of coredns, nearcast-speaker and the functions")
	c.Flags().BoolVar(&karmada, "karmada", false, "use a real Karmada control plane as the source; make run-karmada builds it")
	c.AddCommand(labAction("fail", "Break a cluster, like a crash", &o), labAction("heal", "Repair a cluster", &o), labStatus(&o))
	return c
}

// besideMe is the directory in which the build puts the programs that belong to this one.
func besideMe() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

func labAction(action, short string, o *lab.Options) *cobra.Command {
	var part string
	c := &cobra.Command{
		Use:   action + " CLUSTER",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.Control(cmd.Context(), o.Dir, action, args[0], part)
		},
	}
	c.Flags().StringVar(&part, "part", "", "only this `PART`: functions, dns or speaker")
	return c
}

func labStatus(o *lab.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the status of the running lab",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON, err := program.WantsJSON(cmd)
			if err != nil {
				return err
			}
			st, err := lab.Ask(cmd.Context(), o.Dir)
			if err != nil {
				return err
			}
			if asJSON {
				return program.PrintJSON(cmd.OutOrStdout(), st)
			}
			fmt.Fprintln(cmd.OutOrStdout(), labTable(st))
			return nil
		},
	}
}

func runLab(ctx context.Context, o lab.Options) (err error) {
	fmt.Println("starting five CoreDNS servers, five speakers, four clusters' functions and a router ...")
	l, err := lab.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		fmt.Println("\nstopping: speakers withdraw their routes, then resolvers and functions stop ...")
		began := time.Now()
		closeErr := l.Close()
		if err == nil {
			err = closeErr
		}
		if closeErr == nil {
			fmt.Printf("stopped in %.1f s; nothing is left behind\n", time.Since(began).Seconds())
		}
	}()
	if term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) {
		return labScreen(ctx, l, o.Dir)
	}
	return labLines(ctx, l, o.Dir)
}

// command returns the path of nearcast, next to this program, relative to the working directory.
func command() string {
	path := filepath.Join(besideMe(), "nearcast")
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, path); err == nil {
			return rel
		}
	}
	return path
}

// labHelp returns the commands to try.
func labHelp(dir, kubectl string) string {
	nearcast := command()
	hello, flag := "hello.demo."+lab.Zone, ""
	if dir != labDir {
		flag = " --dir " + dir
	}
	more := fmt.Sprintf("\n  # a change that you save in %s/manifests is answered within a second", dir)
	if kubectl != "" {
		more = fmt.Sprintf(`
  # the Karmada API; declare a function like %[2]s/manifests/hello.yaml
  %[1]s get clusters
  %[1]s get resourcebindings -A -o wide
  %[1]s scale deployment hello -n demo --replicas=0
  %[1]s describe service hello -n demo`, kubectl, dir)
	}
	return fmt.Sprintf(`Try, in another terminal:
  # clients in the USA, in Germany and in Štip
  dig +short @127.0.0.1 -p 5301 %[1]s +subnet=203.0.113.0/25
  dig +short @127.0.0.1 -p 5301 %[1]s +subnet=203.0.113.128/25
  dig +short @127.0.0.1 -p 5301 %[1]s +subnet=192.0.2.64/26
  # why, candidate by candidate
  %[2]s explain %[1]s --from 203.0.113.7 \
      --admin %[3]s/mk-core.dns.sock
  # a region's answers as a policy zone, for other resolvers
  dig @127.0.0.1 -p 5301 AXFR us._rpz.%[5]s
  # break a cluster; heal repairs it; --part functions, dns or speaker
  %[2]s lab fail us-azure%[4]s`+more, hello, nearcast, dir, flag, lab.Zone)
}
