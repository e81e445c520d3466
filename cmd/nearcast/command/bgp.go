package command

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/session"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/base/program"
)

func bgpCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bgp",
		Short: "Show and control a speaker, and configure its routers",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(bgpStatusCommand(), bgpExplainCommand(), bgpDrainCommand(), bgpUndrainCommand(), bgpUndampCommand(), bgpRouterConfigCommand())
	return c
}

func bgpStatusCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "status --admin SOCKET",
		Short: "Show sessions and VIPs of a running speaker at a glance",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := callSpeaker(cmd, socket, http.MethodGet, "/status", nil)
			if err != nil {
				return err
			}
			return answer(cmd, st, func(w io.Writer) error { return printSpeaker(w, st, time.Now()) })
		},
	}
	speakerFlag(c, &socket)
	return c
}

func speakerFlag(c *cobra.Command, socket *string) {
	c.Flags().StringVar(socket, "admin", "/run/nearcast/bgp.sock", "the admin `SOCKET` of the speaker")
}

// callSpeaker sends a request to the speaker, and returns the resulting status.
func callSpeaker(cmd *cobra.Command, socket, method, path string, query url.Values) (*bgp.Status, error) {
	if _, err := program.WantsJSON(cmd); err != nil {
		return nil, err // nothing was done yet
	}
	st := &bgp.Status{}
	if err := admin.Call(cmd.Context(), socket, method, path, query, st); err != nil {
		return nil, err
	}
	if st.ASN == 0 {
		return nil, fmt.Errorf("%s is not a nearcast speaker's socket", socket)
	}
	return st, nil
}

// answer prints v as JSON, or as text.
func answer(cmd *cobra.Command, v any, text func(io.Writer) error) error {
	asJSON, err := program.WantsJSON(cmd)
	switch {
	case err != nil:
		return err
	case asJSON:
		return program.PrintJSON(cmd.OutOrStdout(), v)
	}
	return text(cmd.OutOrStdout())
}

func printSpeaker(w io.Writer, st *bgp.Status, now time.Time) error {
	fmt.Fprintf(w, "AS %d, router ID %s\n\n", st.ASN, st.RouterID)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	grouped := slices.ContainsFunc(st.Peers, func(p session.Status) bool { return p.Group != "" })
	fmt.Fprintf(t, "PEER\t%sAS\tSTATE\tUP\tFAMILIES\tBFD\tPROBLEM\n", groupCell(grouped, "GROUP"))
	for _, p := range st.Peers {
		fmt.Fprintf(t, "%s\t%s%s\t%s\t%s\t%s\t%s\t%s\n", peerName(p), groupCell(grouped, p.Group), asText(p.ASN), p.State, length(time.Duration(p.Uptime)), dash(strings.Join(p.Families, ",")), dash(p.BFD), dash(peerText(p, now)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range st.Peers {
		if text := exportText(p, p.ASN == st.ASN); text != "" {
			fmt.Fprintf(w, "%s %s\n", peerName(p), text)
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "VIP\tSTATE\tANNOUNCED\tSINCE\tREASON")
	for _, v := range st.VIPs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s ago\t%s\n", v.Address, v.State, announcedTo(v.Announced, sessionsOf(st, routeOf(v), now)), length(now.Sub(v.Since)), v.Reason.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, v := range st.VIPs {
		if v.Warning != "" {
			fmt.Fprintf(w, "\nwarning: %s: %s\n", v.Address, v.Warning)
		}
	}
	if len(st.Aggregates) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(t, "AGGREGATE\tSTATE\tANNOUNCED\tREASON")
	}
	for _, a := range st.Aggregates {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", a.Prefix, a.State, announcedTo(a.Announced, sessionsOf(st, routeOfAggregate(a), now)), a.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(st.Drains) > 0 {
		fmt.Fprintln(w)
	}
	for _, d := range st.Drains {
		fmt.Fprintln(w, d)
	}
	if st.DrainsLost != "" {
		fmt.Fprintf(w, "\nwarning: drains of an earlier run were lost: %s\n", st.DrainsLost)
	}
	if st.DrainsUnsaved != "" {
		fmt.Fprintf(w, "\n%s\n", unsavedText(st))
	}
	for _, r := range st.Refused {
		fmt.Fprintf(w, "\nrefused: %s\n", r)
	}
	for _, h := range st.IgnoredHints {
		fmt.Fprintf(w, "\nignored: the resolver's hint for %s, which is not a VIP of namespace %s: %s\n", h.VIP, h.Namespace, h.Reason)
	}
	if st.Fault != "" {
		fmt.Fprintf(w, "\nthe configuration was read but is not in force:\n%s\n", st.Fault)
	}
	return nil
}

// problemText says why the session is down, since when, and when it is retried; "" if there is
// nothing to report.
func problemText(p session.Status, now time.Time) string {
	if p.Outage == nil || p.Problem == "" {
		return p.Problem
	}
	text := fmt.Sprintf("%s (down for %s", p.Problem, length(now.Sub(p.Outage.Since)))
	switch n := p.Outage.Attempts; {
	case n == 1:
		text += ", 1 attempt failed"
	case n > 1:
		text += fmt.Sprintf(", %d attempts failed", n)
	}
	switch next := p.Outage.NextTry; {
	case next.IsZero():
	case next.After(now):
		text += ", next in " + length(next.Sub(now))
	default:
		text += ", next now"
	}
	return text + ")"
}

// groupCell returns the table cell for a peer's group; "" if no peer has one.
func groupCell(grouped bool, group string) string {
	if !grouped {
		return ""
	}
	return dash(group) + "\t"
}

// peerName returns the router's address, and its link if that is not part of the address, or the
// default route that leads to it.
func peerName(p session.Status) string {
	switch {
	case p.Gateway != "":
		return p.Name()
	case p.Address == "":
		return p.Interface
	case p.Interface == "" || strings.HasSuffix(p.Address, "%"+p.Interface):
		return p.Address
	}
	return p.Address + "%" + p.Interface
}

// asText formats an AS number; "-" means that no session has reported it yet.
func asText(n uint32) string {
	if n == 0 {
		return dash("")
	}
	return strconv.FormatUint(uint64(n), 10)
}

// length rounds a duration for people; "-" means none.
func length(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 24*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
