package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/bgp/route"
	"github.com/nearcast/nearcast/bgp/routerconfig"
)

// routerText is a router's configuration for one peer.
type routerText struct {
	Router string `json:"router"`
	Peer   string `json:"peer"`
	Text   string `json:"text"`
}

func bgpRouterConfigCommand() *cobra.Command {
	var file, peer, address, asn string
	var speakers []string
	c := &cobra.Command{
		Use:   "router-config " + strings.Join(routerconfig.Routers(), "|"),
		Short: "Print what a router needs for its sessions with speakers",
		Long: `Print what a router needs for its session with the speaker of a configuration file, or
for its sessions with all speakers that share the file. The router is one of the
file's peers. Keys are neither read nor printed.

A file is shared if routerID or the localAddress of a peer contains ${NAME}; the
variable need not be set here. The output then has a peer group for the speakers given
with --speakers: addresses, and networks from which they connect. Without --speakers,
it accepts the speakers in the /24 or /64 of the router's own address.

Give --address for a router that the file has as gateway, and --asn for one with
asn: external.

You can apply the output again, also after a change. It sets nothing for the whole
router; comments name what the router may need in addition. The output is tested with
FRR and BIRD only; the output for other routers follows the vendors' references.`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: routerconfig.Routers(),
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := configureRouter(args[0], file, peer, address, asn, speakers)
			if err != nil {
				return err
			}
			return answer(cmd, out, func(w io.Writer) error {
				_, err := io.WriteString(w, out.Text)
				return err
			})
		},
	}
	c.Flags().StringVar(&file, "config", "/etc/nearcast/speaker.yaml", "the speaker's configuration `FILE`")
	c.Flags().StringVar(&peer, "peer", "", "the router's `NAME` in the file: its address or interface, or gateway/ipv4; required if there are several")
	c.Flags().StringVar(&address, "address", "", "the router's own `ADDRESS`, if the file has gateway instead; with %LINK if it is link-local")
	c.Flags().StringVar(&asn, "asn", "", "the router's AS `NUMBER`, if the file has external instead")
	c.Flags().StringSliceVar(&speakers, "speakers", nil, "the `ADDRESS` or NETWORK of speakers that share the file; separate several by commas")
	return c
}

// configureRouter does not read the password files, which need not exist here.
func configureRouter(router, file, peer, address, asn string, speakers []string) (*routerText, error) {
	where, err := networks(speakers)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c, err := config.ParseShared(data)
	if err != nil {
		return nil, errors.New(file + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+file+": "))
	}
	p, err := routerconfig.Peer(c, peer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	own, err := ownOf(address, asn)
	if err != nil {
		return nil, err
	}
	if c, p, err = own.In(c, p); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var text bytes.Buffer
	if err := routerconfig.Write(&text, router, c, p, where...); err != nil {
		return nil, err
	}
	return &routerText{Router: router, Peer: p.Name(), Text: text.String()}, nil
}

// ownOf parses the values of --address and --asn; "" means none.
func ownOf(address, asn string) (own routerconfig.Own, err error) {
	if address != "" {
		if own.Address, err = netip.ParseAddr(address); err != nil {
			return own, fmt.Errorf("--address: %q is not an IP address", address)
		}
	}
	if asn != "" {
		if own.ASN, err = route.ParsePeerASN(asn); err != nil {
			return own, fmt.Errorf("--asn: %w", err)
		}
	}
	return own, nil
}

// networks parses the values of --speakers.
func networks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, notAddr := netip.ParseAddr(text)
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), notAddr
		}
		switch {
		case err != nil || prefix.Addr().Zone() != "":
			return nil, fmt.Errorf("--speakers: %q is neither an IP address nor a network", text)
		case prefix != prefix.Masked():
			return nil, fmt.Errorf("--speakers: %s has bits set beyond its length; the network is %s", text, prefix.Masked())
		}
		all = append(all, prefix)
	}
	return all, nil
}
