package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/vip"
)

// explainedVIP is everything known about one VIP.
type explainedVIP struct {
	vip.Status
	Sessions []explainedSession `json:"sessions"`
	// Drains are those that apply to the VIP.
	Drains []vip.Drain `json:"drains,omitempty"`
}

func bgpExplainCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "explain VIP --admin SOCKET",
		Short: "Show why a VIP is announced or not, with which attributes, and to whom",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			addr, err := netip.ParseAddr(args[0])
			if err != nil {
				return fmt.Errorf("%q is not an IP address", args[0])
			}
			st, err := callSpeaker(cmd, socket, http.MethodGet, "/status", nil)
			if err != nil {
				return err
			}
			e, err := explainVIP(st, addr.Unmap())
			if err != nil {
				return err
			}
			return answer(cmd, e, func(w io.Writer) error { return e.print(w, time.Now()) })
		},
	}
	speakerFlag(c, &socket)
	return c
}

func explainVIP(st *bgp.Status, addr netip.Addr) (*explainedVIP, error) {
	i := slices.IndexFunc(st.VIPs, func(v vip.Status) bool { return v.Address == addr.String() })
	if i < 0 {
		return nil, noVIP(st, addr)
	}
	e := &explainedVIP{Status: st.VIPs[i], Sessions: sessionsOf(st, routeOf(st.VIPs[i]), time.Now())}
	for _, d := range st.Drains {
		if !d.VIP.IsValid() || d.VIP == addr {
			e.Drains = append(e.Drains, d)
		}
	}
	return e, nil
}

// noVIP says which VIPs exist instead, and whether a Service was refused the address.
func noVIP(st *bgp.Status, addr netip.Addr) error {
	var all []string
	for _, v := range st.VIPs {
		all = append(all, v.Address)
	}
	text := fmt.Sprintf("%s is not a VIP of this speaker (VIPs: %s)", addr, dash(strings.Join(all, ", ")))
	for _, r := range st.Refused {
		if r.Address == addr.String() {
			text += "; refused: " + r.String()
		}
	}
	return errors.New(text)
}

func (e *explainedVIP) print(w io.Writer, now time.Time) error {
	announced := "not announced"
	if e.Announced {
		announced = "announced " + announcedTo(true, e.Sessions) + " peers"
	}
	fmt.Fprintf(w, "%s is %s and %s: %s\n", e.Address, e.State, announced, e.Reason.Text)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  since\t%s, %s ago\n", moment(e.Since), length(now.Sub(e.Since)))
	if !e.Until.IsZero() {
		fmt.Fprintf(t, "  until\t%s, in %s\n", moment(e.Until), length(e.Until.Sub(now)))
	}
	if len(e.Owners) > 0 {
		fmt.Fprintf(t, "  of\tService %s\n", strings.Join(e.Owners, ", "))
	}
	if e.Aggregate != "" {
		fmt.Fprintf(t, "  part of\t%s, which is announced instead\n", e.Aggregate)
	}
	if e.Warning != "" {
		fmt.Fprintf(t, "  warning\t%s\n", e.Warning)
	}
	if e.Bound {
		fmt.Fprintln(t, "  bound\tto this machine")
	}
	if e.Flaps+e.UpstreamFlaps > 0 {
		fmt.Fprintf(t, "  flaps\t%d failures of local checks and %d of upstream checks count against the budget, separately\n", e.Flaps, e.UpstreamFlaps)
	}
	for _, d := range e.Drains {
		fmt.Fprintf(t, "  drain\t%s\n", d)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return e.tables(t, now)
}

// tables prints the sessions and the checks.
func (e *explainedVIP) tables(t *tabwriter.Writer, now time.Time) error {
	grouped := slices.ContainsFunc(e.Sessions, func(s explainedSession) bool { return s.Group != "" })
	fmt.Fprintf(t, "\nPEER\t%sAS\tSENT\n", groupCell(grouped, "GROUP"))
	for _, s := range e.Sessions {
		fmt.Fprintf(t, "%s\t%s%s\t%s\n", s.Peer, groupCell(grouped, s.Group), asText(s.ASN), s)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nCHECK\tSCOPE\tSTATE\tIN A ROW\tLAST\tFAILURE")
	for _, c := range e.Checks {
		last := "-"
		if !c.Last.IsZero() {
			last = length(now.Sub(c.Last)) + " ago"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", c.Name, c.Scope, c.State, c.InARow, last, dash(c.Failure))
	}
	return t.Flush()
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
