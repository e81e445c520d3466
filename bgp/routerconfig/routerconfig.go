// Package routerconfig writes a router's configuration for its sessions with speakers: the other
// end of a peer in the speakers' own configuration. Only the output for FRR and BIRD is tested by
// loading it; the others follow the makers' references and models, which each text names.
//
// Each text can be loaded again, also after a change, without a reset and without a moment at which
// routes are missing. It does not touch the rest of the router. If a router changes a list line by
// line, the list is named by its content, so that a changed list is a new one, complete before it
// is used.
package routerconfig

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/template"

	"github.com/nearcast/nearcast/bgp/config"
)

//go:embed files/*.tmpl
var files embed.FS

// routers are the supported routers, by the names that Write accepts.
var routers = map[string]router{
	"frr":     {bfdAgain: true, listensAnywhere: true, connectsAnywhere: true, unnumbered: true, linkLocal: true},
	"bird":    {listensAnywhere: true, connectsAnywhere: true, unnumbered: true, linkLocal: true},
	"junos":   {link: "ge-0/0/0.0", linkLocal: true, keylessRanges: true},
	"ios-xr":  {maxMultiplier: 16, gtsmOutside: true},
	"eos":     {link: "Ethernet1", unnumbered: true, linkLocal: true, minMultiplier: 3},
	"srlinux": {link: "ethernet-1/1.0", unnumbered: true, linkLocal: true, minMultiplier: 3, maxMultiplier: 20, gtsmAsMultihop: true},
	"sonic":   {bfdAgain: true, link: "Ethernet0", connectsAnywhere: true, unnumbered: true},
	"vyos":    {bfdAgain: true, connectsAnywhere: true, unnumbered: true, linkLocal: true},
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"symbol": symbol, "seq": seq, "configDB": configDB,
}).ParseFS(files, "files/*.tmpl"))

// Routers returns the names that Write accepts.
func Routers() []string {
	return []string{"frr", "bird", "junos", "ios-xr", "eos", "srlinux", "sonic", "vyos"}
}

// Write writes the router's end of the session with the peer, which is one of the configuration's
// or returned by Own.In. If speakers share the configuration, as ParseShared reads it, the text
// covers all of them: those at the given addresses and in the given networks or, if none are given,
// in the router's own network. It never writes a key, only where to find it.
func Write(w io.Writer, name string, c *config.Config, p *config.Peer, speakers ...netip.Prefix) error {
	r, ok := routers[name]
	if !ok {
		return fmt.Errorf("router %q is not one of %s", name, strings.Join(Routers(), ", "))
	}
	if text := leftOpen(p); text != "" {
		return fmt.Errorf("%s for peer %s: %s", name, p.Name(), text)
	}
	s, err := r.session(c, p, speakers)
	if err != nil {
		return fmt.Errorf("%s for peer %s: %w", name, p.Name(), err)
	}
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, name+".tmpl", s); err != nil {
		return err
	}
	_, err = w.Write(text.Bytes())
	return err
}

// Peer returns the configuration's peer with that name, or its only peer for "".
func Peer(c *config.Config, name string) (*config.Peer, error) {
	var names []string
	for i := range c.Peers {
		names = append(names, c.Peers[i].Name())
	}
	switch i := slices.Index(names, name); {
	case i >= 0:
		return &c.Peers[i], nil
	case name == "" && len(names) == 1:
		return &c.Peers[0], nil
	case name == "":
		return nil, fmt.Errorf("the configuration has several peers; choose one of %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the configuration has no peer %s; it has %s", name, strings.Join(names, ", "))
}
