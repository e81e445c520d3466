package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/source/karmada"
	"github.com/nearcast/nearcast/internal/steering/steer"
)

// drainFlags say what is drained, and where to send the request.
type drainFlags struct {
	kubeconfig       string
	site             bool
	region, function bool
	socket           string
	length           time.Duration
	reason           string
	share            string
}

func drainCommand() *cobra.Command {
	var f drainFlags
	c := f.command(true, "drain CLUSTER | drain --site PATTERN", "Move traffic away from a cluster, a region or a function",
		`Move traffic away from a cluster: it answers only if nothing else is up. The command
annotates the Karmada Cluster, with your own kubeconfig, and so every site drains it.

With --share, that share of the clients leaves the cluster or region while it is up, always
the same ones: raise the share step by step, and a client moves once.

With --site the command tells only the instance at --admin. PATTERN is then a glob such
as de-* or demo/hello, and matches clusters, regions or functions. The instance keeps
the drain over a restart if it has a directory for snapshots. If the disk cannot be
written, the drain is in force in memory, and is saved as soon as the disk allows.`)
	c.Flags().DurationVar(&f.length, "for", 0, "end the drain after this `DURATION`; by default never (with --site)")
	c.Flags().StringVar(&f.share, "share", "", "move only this `SHARE` of the clients away, a multiple of 12.5%")
	c.Flags().StringVar(&f.reason, "reason", "", "reason shown by status and explain (with --site)")
	return c
}

func undrainCommand() *cobra.Command {
	var f drainFlags
	return f.command(false, "undrain CLUSTER | undrain --site PATTERN", "End a drain", "")
}

func (f *drainFlags) command(drain bool, use, short, long string) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], drain) },
	}
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "the kubeconfig `FILE` for the Karmada API; by default the one that kubectl uses")
	c.Flags().BoolVar(&f.site, "site", false, "apply only to the instance at --admin")
	c.Flags().BoolVar(&f.region, "region", false, "PATTERN matches regions (with --site)")
	c.Flags().BoolVar(&f.function, "function", false, "PATTERN matches functions, as namespace/name (with --site)")
	c.Flags().StringVar(&f.socket, "admin", defaultSocket, "the admin `SOCKET` of the instance (with --site)")
	c.MarkFlagsMutuallyExclusive("region", "function")
	c.MarkFlagsMutuallyExclusive("site", "kubeconfig")
	return c
}

func (f *drainFlags) run(cmd *cobra.Command, what string, drain bool) error {
	share := federation.Everybody
	if f.share != "" {
		var err error
		if share, err = federation.ParseEighths(f.share); err != nil {
			return fmt.Errorf("--share: %w", err)
		}
	}
	if !f.site {
		if f.region || f.function || f.length > 0 || f.reason != "" || cmd.Flags().Changed("admin") {
			return errors.New("--admin, --region, --function, --for and --reason require --site; add --site, or name only a cluster")
		}
		if !drain {
			share = 0
		}
		return f.everywhere(cmd, what, share)
	}
	method := http.MethodDelete
	if drain {
		method = http.MethodPut
	}
	drains, err := f.call(cmd, method, what, share)
	if err != nil {
		return err
	}
	if err := printDrains(cmd, drains); err != nil {
		return err
	}
	f.warnUnkept(cmd)
	return nil
}

// warnUnkept warns if the instance could not save the drain. Instances too old to support this
// query refuse a drain of this kind.
func (f *drainFlags) warnUnkept(cmd *cobra.Command) {
	var unkept string
	if err := admin.Call(cmd.Context(), f.socket, http.MethodGet, "/drains/unkept", nil, &unkept); err == nil && unkept != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", unkept)
	}
}

// drained says whether a cluster is drained at all sites.
type drained struct {
	Cluster string `json:"cluster"`
	Drained bool   `json:"drained"`
	// Share is the share of the clients that is moved away; "" for all.
	Share string `json:"share,omitempty"`
	// Leaving is why traffic is moved away; drains are one of several reasons.
	Leaving string `json:"leaving,omitempty"`
	// Warnings are about annotations of the Cluster that no site can read.
	Warnings []string `json:"warnings,omitempty"`
}

// everywhere drains the share of the cluster at all sites, and nothing more.
func (f *drainFlags) everywhere(cmd *cobra.Command, cluster string, share federation.Eighths) error {
	asJSON, err := program.WantsJSON(cmd)
	if err != nil {
		return err
	}
	after, err := karmada.SetDrain(cmd.Context(), f.kubeconfig, cluster, share)
	if err != nil {
		return err
	}
	if share == federation.Everybody && after.Leaving == "" || share > 0 && share < federation.Everybody && after.Shed != share {
		return fmt.Errorf("cluster %s is not drained: the API accepted the annotation %s, but it has another value now; find out who writes it", cluster, annotation.Drain)
	}
	d := drained{Cluster: cluster, Drained: share > 0, Leaving: after.Leaving}
	if share > 0 && share < federation.Everybody {
		d.Share = share.String()
	}
	for _, fault := range after.Faults {
		d.Warnings = append(d.Warnings, fault.Error())
	}
	if asJSON {
		return program.PrintJSON(cmd.OutOrStdout(), d)
	}
	d.print(cmd.OutOrStdout())
	return nil
}

func (d drained) print(w io.Writer) {
	switch {
	case d.Share != "":
		fmt.Fprintf(w, "%s of the clients of cluster %s are drained: every site moves them away\n", d.Share, d.Cluster)
	case d.Drained:
		fmt.Fprintf(w, "cluster %s is drained: every site moves its traffic away\n", d.Cluster)
	case d.Leaving != "":
		fmt.Fprintf(w, "cluster %s is no longer drained, but traffic is still moved away from it: %s\n", d.Cluster, d.Leaving)
	default:
		fmt.Fprintf(w, "cluster %s is no longer drained\n", d.Cluster)
	}
	for _, warning := range d.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
}

// call sends the request to one site.
func (f *drainFlags) call(cmd *cobra.Command, method, pattern string, share federation.Eighths) (drains []site.Drained, err error) {
	kind := steer.DrainCluster
	switch {
	case f.region:
		kind = steer.DrainRegion
	case f.function:
		kind = steer.DrainFunction
	}
	query := url.Values{"kind": {string(kind)}, "pattern": {pattern}, "reason": {f.reason}}
	if share < federation.Everybody {
		query.Set("share", share.String())
	}
	if f.length > 0 {
		query.Set("until", time.Now().Add(f.length).Format(time.RFC3339))
	}
	err = admin.Call(cmd.Context(), f.socket, method, "/drains", query, &drains)
	return drains, err
}

func printDrains(cmd *cobra.Command, drains []site.Drained) error {
	asJSON, err := program.WantsJSON(cmd)
	switch {
	case err != nil:
		return err
	case asJSON:
		return program.PrintJSON(cmd.OutOrStdout(), drains)
	case len(drains) == 0:
		fmt.Fprintln(cmd.OutOrStdout(), "nothing is drained at this site")
	}
	for _, d := range drains {
		fmt.Fprintln(cmd.OutOrStdout(), d.Drain)
		if d.Matches == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "warning: no %s here matches %s\n", d.Kind, d.Pattern)
		}
	}
	return nil
}
