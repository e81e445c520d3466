package command

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/nearcast"
)

func explainCommand() *cobra.Command {
	var from, socket, corefile string
	var wire bool
	c := &cobra.Command{
		Use:   "explain NAME --from ADDR [--admin SOCKET | --corefile FILE]",
		Short: "Show what a client would be answered for a name, and why",
		Long: `Show what a client at ADDR would be answered for NAME, and why: for a function candidate
by candidate; with policy zones, the zone and the rule that decide. NAME is that of a
function or of one of its services, such as _https._tcp.NAME; or that of the zone
itself, of a name server, or of an address, whose records are shown.

The running instance at --admin answers, with its nearcast and rpz blocks. With
--corefile, read the files that the Corefile names instead; then nothing is probed,
Karmada's health decides, and policy zones are not applied. With --wire, also show the
replies, as dig prints them and as they are sent.`,
		Example: "  nearcast explain hello.demo.fn.example.org --from 203.0.113.7",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := program.WantsJSON(cmd)
			if err != nil {
				return err
			}
			addr, err := netip.ParseAddr(from)
			if err != nil {
				return fmt.Errorf("--from: %q is not an IP address", from)
			}
			e, err := explainAnywhere(cmd, socket, corefile, args[0], addr)
			if err != nil {
				return err
			}
			if asJSON {
				return program.PrintJSON(cmd.OutOrStdout(), e)
			}
			return e.print(cmd.OutOrStdout(), wire)
		},
	}
	c.Flags().StringVar(&from, "from", "", "the `ADDR` of the client")
	c.Flags().StringVar(&socket, "admin", defaultSocket, "the admin `SOCKET` of a running instance")
	c.Flags().StringVar(&corefile, "corefile", "", "explain from the files of this Corefile `FILE`, without a server")
	c.Flags().BoolVar(&wire, "wire", false, "show the replies to A and AAAA")
	c.MarkFlagsMutuallyExclusive("admin", "corefile")
	if err := c.MarkFlagRequired("from"); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

// explainAnywhere reads the Corefile's files if --corefile is given, and otherwise asks the instance at the socket.
func explainAnywhere(cmd *cobra.Command, socket, corefile, name string, from netip.Addr) (*explained, error) {
	if !cmd.Flags().Changed("corefile") {
		return explainLive(cmd, socket, name, from.String())
	}
	e, err := nearcast.Explain(corefile, name, from)
	if err != nil {
		return nil, err
	}
	return &explained{Name: e.Name, From: e.From, Explanation: e}, nil
}

func printExplanation(w io.Writer, e *site.Explanation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", key, value)
		}
	}
	line("name", e.Name)
	line("function", e.Function)
	line("site", e.Site)
	line("client", e.From+", "+e.Location+" ("+e.Located+")")
	line("horizon", e.Horizon)
	line("policy", e.Policy)
	line("answer", strings.TrimSuffix(e.Outcome+": "+strings.Join(e.Answers, " "), ": "))
	for _, record := range e.Records {
		line("record", record)
	}
	line("why", e.Reason)
	line("ttl", e.Lasts)
	if err := t.Flush(); err != nil {
		return err
	}
	if e.Function == "" {
		return nil
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "CLUSTER\tVERDICT\tADDRESSES\tORDERED BY\tPROBE\tWHY")
	for _, c := range e.Candidates {
		why := c.Reason
		if c.Load != "" {
			why += "; " + c.Load
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Cluster, c.Tier, strings.Join(c.Addresses, " "), c.Term, c.Target, why)
	}
	return t.Flush()
}
