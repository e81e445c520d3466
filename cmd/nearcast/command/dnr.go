package command

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/dnr"
	"github.com/nearcast/nearcast/plugin/ddr"
)

// serverText is the configuration for a DHCP or router advertisement server.
type serverText struct {
	Server string `json:"server"`
	Text   string `json:"text"`
}

func dnrCommand() *cobra.Command {
	var corefile string
	var s dnr.Settings
	c := &cobra.Command{
		Use:   "dnr " + strings.Join(dnr.Servers(), "|"),
		Short: "Print what DHCP servers and routers need to announce the encrypted resolver",
		Long: `Print the options of RFC 9463 (DNR) that announce to the clients of a network the
encrypted resolvers that the ddr lines of a Corefile designate: option 162 for DHCPv4,
option 144 for DHCPv6 and router advertisements. Use hex for any other server.

The addresses are those after hint. A designation without hint is sent as a name only,
and clients query _dns.NAME. Released versions of radvd cannot advertise the option:
the output for radvd sends clients to DHCPv6. Over DHCPv6, dnsmasq and Kea send one
designation: the output has the one of the lowest priority, whose clients find the
others by querying _dns.NAME.`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: dnr.Servers(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.Lifetime < time.Second || s.Lifetime > math.MaxUint32*time.Second || s.Lifetime%time.Second != 0 {
				return fmt.Errorf("--lifetime %s is not a whole number of seconds from 1 to %d", s.Lifetime, uint32(math.MaxUint32))
			}
			all, err := resolversOf(corefile)
			if err != nil {
				return err
			}
			text, err := dnr.Configure(args[0], all, s)
			if err != nil {
				return err
			}
			return answer(cmd, serverText{args[0], text}, func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			})
		},
	}
	c.Flags().StringVar(&corefile, "corefile", "/etc/nearcast/Corefile", "the Corefile `FILE` with the ddr lines")
	c.Flags().DurationVar(&s.Lifetime, "lifetime", 30*time.Minute, "how long clients may use what a router advertises; at least three advertisement intervals")
	c.Flags().StringVar(&s.Interface, "interface", "eth0", "the `NAME` of the interface on which radvd advertises")
	return c
}

// resolversOf returns the resolvers that a Corefile designates.
func resolversOf(corefile string) (all []dnr.Resolver, _ error) {
	designations, err := ddr.Designations(corefile)
	if err != nil {
		return nil, err
	}
	for _, d := range designations {
		all = append(all, dnr.Resolver{Priority: d.Priority, Name: d.Target, Addrs: d.Hints, Params: d.Params()})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no ddr line designates a resolver; add one, such as `designate dns.example.net dot hint 192.0.2.53`", corefile)
	}
	return all, nil
}
