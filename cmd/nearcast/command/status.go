package command

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/internal/site"
)

func statusCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "status --admin SOCKET",
		Short: "Show clusters and functions of a running instance at a glance",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON, err := program.WantsJSON(cmd)
			if err != nil {
				return err
			}
			var st site.Status
			err = admin.Call(cmd.Context(), socket, http.MethodGet, "/status", nil, &st)
			if lacks(err) {
				return fmt.Errorf("%s: this server has no nearcast block; run nearcast rpz status for its policy zones", socket)
			}
			if err != nil {
				return err
			}
			if st.Site == "" {
				return fmt.Errorf("%s is not a nearcast plugin's socket", socket)
			}
			if asJSON {
				return program.PrintJSON(cmd.OutOrStdout(), st)
			}
			return printStatus(cmd.OutOrStdout(), st)
		},
	}
	c.Flags().StringVar(&socket, "admin", defaultSocket, "the admin `SOCKET` of the instance")
	return c
}

func printStatus(w io.Writer, st site.Status) error {
	fmt.Fprintf(w, "site %s, source %s, %s old, %d targets probed\n", st.Site, st.Source, time.Duration(st.Age).Round(time.Second), st.Targets)
	for _, d := range st.Drains {
		fmt.Fprintln(w, d)
	}
	if st.DrainsUnkept != "" {
		fmt.Fprintf(w, "warning: %s\n", st.DrainsUnkept)
	}
	for _, r := range st.Records {
		fmt.Fprintf(w, "%s from %s\n", count(r.Records, "record"), r.File)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLUSTER\tREGION\tLEAVING")
	for _, c := range st.Clusters {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Name, c.Region, c.Leaving)
	}
	fmt.Fprintln(t, "\t\t")
	fmt.Fprintln(t, "FUNCTION\tANSWER HERE\tCANDIDATES")
	for _, f := range st.Functions {
		var candidates []string
		for _, c := range f.Candidates {
			candidates = append(candidates, c.Cluster+" "+c.Tier)
		}
		outcome := f.Outcome
		if f.Reason != "" {
			outcome += ": " + f.Reason
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Hostnames[0], outcome, strings.Join(candidates, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range st.Records {
		for _, fault := range r.Faults {
			fmt.Fprintf(w, "\nrecords: %s\n", fault)
		}
	}
	for _, fault := range st.Faults {
		fmt.Fprintf(w, "\nrefused: %s\n", fault)
	}
	for _, warning := range st.Warnings {
		fmt.Fprintf(w, "\nignored: %s\n", warning)
	}
	return nil
}
