package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/admin"
	"github.com/nearcast/nearcast/internal/steer"
)

// drainFlags say what is drained, and where that is told.
type drainFlags struct {
	site             bool
	region, function bool
	socket           string
	length           time.Duration
	reason           string
}

func drainCommand() *cobra.Command {
	var f drainFlags
	c := &cobra.Command{
		Use:   "drain --site PATTERN",
		Short: "Move traffic away from a cluster, a region or a function",
		Long: `Drain moves traffic away from what matches PATTERN, a glob such as de-* or
demo/hello: what is drained answers only where nothing else is up. With --site it
tells the running instance at the socket alone, which keeps it over a restart if
it has a folder for snapshots.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			drains, err := f.call(cmd, http.MethodPut, args[0])
			if err == nil {
				err = printDrains(cmd, drains)
			}
			return err
		},
	}
	f.add(c)
	c.Flags().DurationVar(&f.length, "for", 0, "end the drain after this time; never by default")
	c.Flags().StringVar(&f.reason, "reason", "", "what to tell those who ask why")
	return c
}

func undrainCommand() *cobra.Command {
	var f drainFlags
	c := &cobra.Command{
		Use:   "undrain --site PATTERN",
		Short: "End a drain",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			drains, err := f.call(cmd, http.MethodDelete, args[0])
			if err == nil {
				err = printDrains(cmd, drains)
			}
			return err
		},
	}
	f.add(c)
	return c
}

func (f *drainFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.site, "site", false, "tell the instance at the socket alone")
	c.Flags().BoolVar(&f.region, "region", false, "PATTERN is of regions")
	c.Flags().BoolVar(&f.function, "function", false, "PATTERN is of functions, as namespace/name")
	c.Flags().StringVar(&f.socket, "admin", "/run/nearcast/admin.sock", "the admin `SOCKET` of the instance")
	c.MarkFlagsMutuallyExclusive("region", "function")
}

func (f *drainFlags) call(cmd *cobra.Command, method, pattern string) (drains []steer.Drain, err error) {
	if !f.site {
		return nil, errors.New("only --site is there yet; annotate the Karmada Cluster with nearcast.dev/drain=true to drain it everywhere")
	}
	kind := steer.DrainCluster
	switch {
	case f.region:
		kind = steer.DrainRegion
	case f.function:
		kind = steer.DrainFunction
	}
	query := url.Values{"kind": {string(kind)}, "pattern": {pattern}, "reason": {f.reason}}
	if f.length > 0 {
		query.Set("until", time.Now().Add(f.length).Format(time.RFC3339))
	}
	err = admin.Call(cmd.Context(), f.socket, method, "/drains", query, &drains)
	return drains, err
}

func printDrains(cmd *cobra.Command, drains []steer.Drain) error {
	asJSON, err := wantsJSON(cmd)
	switch {
	case err != nil:
		return err
	case asJSON:
		return printJSON(cmd.OutOrStdout(), drains)
	case len(drains) == 0:
		fmt.Fprintln(cmd.OutOrStdout(), "nothing is drained at this site")
	}
	for _, d := range drains {
		fmt.Fprintln(cmd.OutOrStdout(), d)
	}
	return nil
}
