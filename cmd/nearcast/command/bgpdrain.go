package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/vip"
)

// bgpDrainFlags say for how long and why a speaker is drained.
type bgpDrainFlags struct {
	socket string
	length time.Duration
	reason string
}

func bgpDrainCommand() *cobra.Command {
	var f bgpDrainFlags
	c := f.command(http.MethodPut, "/drains", "drain [VIP] --admin SOCKET", "Move traffic away from a VIP of this site, or from every VIP",
		`Move traffic away from a VIP of this site, or from every VIP. Routes carry
GRACEFUL_SHUTDOWN for a dwell and are then withdrawn, and the address is served for
another dwell. The drain lasts until "nearcast bgp undrain", also over restarts of the
speaker if it has a directory for its state.`, printSpeakerDrains)
	c.Flags().DurationVar(&f.length, "for", 0, "end the drain after this `DURATION`; by default never")
	c.Flags().StringVar(&f.reason, "reason", "", "reason shown by status and explain")
	return c
}

func bgpUndrainCommand() *cobra.Command {
	var f bgpDrainFlags
	return f.command(http.MethodDelete, "/drains", "undrain [VIP] --admin SOCKET", "End the drain of a VIP, or that of every VIP",
		`End the drain of a VIP or, without VIP, the drain of every VIP. These are separate
drains: the one that was started without VIP ends only without VIP.`, printSpeakerDrains)
}

// command makes the speaker change the drains or counted failures of the VIP, or of all VIPs, and
// prints the resulting status.
func (f *bgpDrainFlags) command(method, path, use, short, long string, show func(io.Writer, *bgp.Status, time.Time) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := f.query(cmd, args, time.Now())
			if err != nil {
				return err
			}
			st, err := callSpeaker(cmd, f.socket, method, path, query)
			if err != nil {
				return err
			}
			return answer(cmd, st, func(w io.Writer) error { return show(w, st, time.Now()) })
		},
	}
	speakerFlag(c, &f.socket)
	return c
}

func (f *bgpDrainFlags) query(cmd *cobra.Command, args []string, now time.Time) (url.Values, error) {
	query := url.Values{}
	if len(args) > 0 && args[0] == "" {
		// An unset variable in a script must not drain everything.
		return nil, errors.New("VIP is empty; omit it to mean every VIP")
	}
	if len(args) > 0 {
		query.Set("vip", args[0])
	}
	if f.reason != "" {
		query.Set("reason", f.reason)
	}
	if cmd.Flags().Changed("for") {
		if f.length <= 0 {
			return nil, fmt.Errorf("--for %s is not positive", f.length)
		}
		query.Set("until", now.Add(f.length).Format(time.RFC3339Nano))
	}
	return query, nil
}

// printSpeakerDrains prints the drains and their progress.
func printSpeakerDrains(w io.Writer, st *bgp.Status, now time.Time) error {
	if len(st.Drains) == 0 {
		fmt.Fprintln(w, "nothing is drained at this speaker")
	}
	for _, d := range st.Drains {
		fmt.Fprintln(w, d)
	}
	for _, v := range st.VIPs {
		if v.State != vip.Draining {
			continue
		}
		still := "withdrawn, but still served"
		if v.Announced && v.Attributes != nil {
			still = "announced with " + attributesText(*v.Attributes, false) // there is always a community
		}
		if !v.Until.IsZero() {
			still += " for another " + length(v.Until.Sub(now))
		}
		fmt.Fprintf(w, "%s is draining: %s\n", v.Address, still)
	}
	if st.DrainsUnsaved != "" {
		fmt.Fprintln(w, unsavedText(st))
	}
	return nil
}

// unsavedText says what a restart of the speaker would lose.
func unsavedText(st *bgp.Status) string {
	return "warning: this is kept in memory only, until the speaker exits: " + st.DrainsUnsaved + "; it is saved as soon as that is possible"
}
