package command

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/plugin/rpz"
)

func rpzStatusCommand() *cobra.Command {
	var socket string
	c := zoneCommand(&socket, "status [ZONE] --admin SOCKET", "Show the policy zones of a running instance, or one of them, at a glance",
		`Show the source of each policy zone, its serial and rules, the result of the last read,
transfer or download, when the next one is due, and whether the zone is disabled.`,
		func(cmd *cobra.Command, zone string) error {
			var st rpz.Status
			if err := callRPZ(cmd, socket, http.MethodGet, "status", url.Values{"zone": {zone}}, &st); err != nil {
				return err
			}
			return answer(cmd, st, func(w io.Writer) error { return printZones(w, st, time.Now()) })
		})
	c.Args = cobra.MaximumNArgs(1)
	return c
}

func printZones(w io.Writer, st rpz.Status, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ZONE\tSTATE\tSERIAL\tIN USE\tRULES\tUNUSABLE\tLAST\tNEXT\tFROM")
	for _, z := range st.Zones {
		serial, unusable := "-", "-"
		if !z.Since.IsZero() {
			serial, unusable = fmt.Sprint(z.Serial), fmt.Sprint(z.Unusable)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", z.Zone, z.State, serial, since(z.Since, now), rulesText(z.Rules), unusable, lastText(z, now), nextText(z, now), z.From)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, z := range st.Zones {
		printZone(w, z, now)
	}
	for _, d := range st.Stray {
		fmt.Fprintf(w, "\n%s; no server block has this zone\n", d)
	}
	if st.Unkept != "" {
		fmt.Fprintf(w, "\nwarning: %s\n", st.Unkept)
	}
	return nil
}

// printZone prints what does not fit in the table.
func printZone(w io.Writer, z rpz.ZoneStatus, now time.Time) {
	if z.Disabled != nil {
		fmt.Fprintf(w, "\n%s\n", z.Disabled)
	}
	if z.Error != "" {
		fmt.Fprintf(w, "\nzone %s: %s\n", z.Zone, strings.TrimPrefix(z.Error, "zone "+z.Zone+": "))
	}
	if z.Doubtful > 0 {
		fmt.Fprintf(w, "\nzone %s: rules in use that may not do what was meant: %d; nearcast check names those of a file\n", z.Zone, z.Doubtful)
	}
	if !z.Expires.IsZero() && z.State != rpz.StateExpired {
		fmt.Fprintf(w, "\nzone %s expires in %s unless a primary confirms it\n", z.Zone, length(z.Expires.Sub(now)))
	}
}

// since says how long ago something happened.
func since(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return length(max(now.Sub(at), time.Millisecond)) + " ago"
}

// lastText says how and when the last attempt ended.
func lastText(z rpz.ZoneStatus, now time.Time) string {
	if z.Tried.IsZero() {
		return "-"
	}
	return z.Result + " " + since(z.Tried, now)
}

// nextText says when the zone is retried.
func nextText(z rpz.ZoneStatus, now time.Time) string {
	switch {
	case !z.Next.IsZero():
		return "in " + length(max(z.Next.Sub(now), time.Millisecond))
	case strings.HasPrefix(z.From, "file "):
		return "on change"
	}
	return "under way"
}

// rulesText counts rules by trigger.
func rulesText(rules map[string]int) string {
	var parts []string
	for _, trigger := range []string{"client-ip", "qname", "ip", "nsdname", "nsip"} {
		if n := rules[trigger]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, trigger))
		}
	}
	if len(parts) == 0 {
		return "no rules"
	}
	return strings.Join(parts, ", ")
}

// zoneNames returns the names of the zones, without duplicates.
func zoneNames(st rpz.Status) (names []string) {
	for _, z := range st.Zones {
		names = append(names, z.Zone)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
