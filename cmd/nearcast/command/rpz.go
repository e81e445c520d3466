package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/plugin/rpz"
)

func rpzCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rpz",
		Short: "Show, refresh and disable the policy zones of a running instance",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(rpzStatusCommand(), rpzRefreshCommand(), rpzDisableCommand(), rpzEnableCommand())
	return c
}

func rpzRefreshCommand() *cobra.Command {
	var socket string
	c := zoneCommand(&socket, "refresh ZONE --admin SOCKET", "Read, transfer or download a policy zone now, and show the result",
		`Read the zone's file again, transfer it from its primary or download its list, whatever
its timer says, and print the result. A file is accepted as complete even if it has
just been written or has fewer records than before. If the refresh fails, the zone
does not change and the exit status is 1. A refresh that takes longer than 8 seconds
continues; "nearcast rpz status" shows its result.`,
		func(cmd *cobra.Command, zone string) error {
			var all []rpz.Refreshed
			if err := callRPZ(cmd, socket, http.MethodPut, "refresh", url.Values{"zone": {zone}}, &all); err != nil {
				return err
			}
			return errors.Join(answer(cmd, all, func(w io.Writer) error { return printRefreshed(w, all) }), failedRefresh(all))
		})
	return c
}

func rpzDisableCommand() *cobra.Command {
	var socket, reason string
	c := zoneCommand(&socket, "disable ZONE --admin SOCKET", "Stop consulting a policy zone",
		`Stop every server block of the instance from consulting the policy zone: its rules
match nothing and are not counted, and no query waits for it. The zone stays disabled
until "nearcast rpz enable": over reloads, even if its source changes, and over
restarts if an rpz block has state. If the disk cannot be written, the zone is disabled
in memory, and this is saved as soon as the disk allows.`,
		func(cmd *cobra.Command, zone string) error {
			return switchZone(cmd, socket, http.MethodPut, url.Values{"zone": {zone}, "reason": {reason}})
		})
	c.Flags().StringVar(&reason, "reason", "", "reason shown by status and explain")
	return c
}

func rpzEnableCommand() *cobra.Command {
	var socket string
	return zoneCommand(&socket, "enable ZONE --admin SOCKET", "Consult a policy zone again",
		`Undo "nearcast rpz disable". The zone was kept up to date in the meantime.`,
		func(cmd *cobra.Command, zone string) error {
			return switchZone(cmd, socket, http.MethodDelete, url.Values{"zone": {zone}})
		})
}

// zoneCommand returns a command that takes the name of a policy zone and completes it. Without an
// argument it runs with "".
func zoneCommand(socket *string, use, short, long string, run func(*cobra.Command, string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return run(cmd, "")
			case strings.TrimSpace(args[0]) == "": // an unset variable of a script
				return errors.New("ZONE is empty; name a policy zone")
			}
			return run(cmd, args[0])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var st rpz.Status
			if len(args) > 0 || callRPZ(cmd, *socket, http.MethodGet, "status", nil, &st) != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return zoneNames(st), cobra.ShellCompDirectiveNoFileComp
		},
	}
	adminFlag(c, socket)
	return c
}

func adminFlag(c *cobra.Command, socket *string) {
	c.Flags().StringVar(socket, "admin", defaultSocket, "the admin `SOCKET` of the instance")
}

// callRPZ sends a request to the rpz plugin.
func callRPZ(cmd *cobra.Command, socket, method, path string, query url.Values, out any) error {
	if _, err := program.WantsJSON(cmd); err != nil {
		return err // nothing was done yet
	}
	err := admin.Call(cmd.Context(), socket, method, rpz.AdminPath+path, query, out)
	if lacks(err) {
		return fmt.Errorf("%s: this server has no rpz block", socket)
	}
	return err
}

// lacks reports whether nothing at the socket serves the path.
func lacks(err error) bool {
	status, ok := errors.AsType[*admin.StatusError](err)
	return ok && status.Code == http.StatusNotImplemented
}

func switchZone(cmd *cobra.Command, socket, method string, query url.Values) error {
	var s rpz.Switched
	if err := callRPZ(cmd, socket, method, "disabled", query, &s); err != nil {
		return err
	}
	return answer(cmd, s, func(w io.Writer) error {
		if len(s.Disabled) == 0 {
			fmt.Fprintln(w, "no policy zone is disabled")
		}
		for _, d := range s.Disabled {
			fmt.Fprintln(w, d)
		}
		if s.Unkept != "" {
			fmt.Fprintf(w, "warning: %s\n", s.Unkept)
		}
		return nil
	})
}

// printRefreshed prints the result of a refresh, one line for each source of the zone.
func printRefreshed(w io.Writer, all []rpz.Refreshed) error {
	for _, r := range all {
		if !r.Done {
			fmt.Fprintf(w, "%s from %s: still under way; run nearcast rpz status for the result\n", r.Zone, r.From)
			continue
		}
		text := r.Result
		if r.Serial != 0 || r.State == rpz.StateInUse {
			text += fmt.Sprintf(": serial %d, %s", r.Serial, rulesText(r.Rules))
		}
		if r.Disabled != nil {
			text += "; " + r.Disabled.String()
		}
		fmt.Fprintf(w, "%s from %s: %s\n", r.Zone, r.From, text)
	}
	return nil
}

// failedRefresh returns the errors of the refreshes that failed.
func failedRefresh(all []rpz.Refreshed) error {
	var errs []error
	for _, r := range all {
		if r.Error != "" {
			errs = append(errs, errors.New(r.Error))
		}
	}
	return errors.Join(errs...)
}
