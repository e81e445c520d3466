package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/routerconfig"
)

// routerText is what a router needs for one peer.
type routerText struct {
	Router string `json:"router"`
	Peer   string `json:"peer"`
	Text   string `json:"text"`
}

func bgpRouterConfigCommand() *cobra.Command {
	var file, peer string
	c := &cobra.Command{
		Use:   "router-config " + strings.Join(routerconfig.Routers(), "|"),
		Short: "Print what a router needs for its session with the speaker",
		Long: `Print what a router needs for its session with the speaker of a configuration
file. The router is one of the file's peers. Keys are not printed, nor read.

FRR and BIRD have loaded what is printed for them; Junos and IOS XR have not.`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: routerconfig.Routers(),
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := configureRouter(args[0], file, peer)
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
	c.Flags().StringVar(&peer, "peer", "", "the router's `NAME` in the file: its address or interface; needed where there are several")
	return c
}

// configureRouter does not read the files of keys, which need not be here.
func configureRouter(router, file, peer string) (*routerText, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c, err := bgp.Parse(data)
	if err != nil {
		return nil, errors.New(file + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+file+": "))
	}
	p, err := routerconfig.Peer(c, peer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var text bytes.Buffer
	if err := routerconfig.Write(&text, router, c, p); err != nil {
		return nil, err
	}
	return &routerText{Router: router, Peer: p.Name(), Text: text.String()}, nil
}
