// Package routerconfig writes what a router needs for its sessions with speakers,
// from the speakers' own configuration: the other end of one of its peers. Only
// what is written for FRR and BIRD was ever loaded, by its tests; the others follow
// their makers' references and models, which each text names.
//
// Each text can be loaded again, also after a change, without a reset and without a
// moment at which routes are missing, and says nothing about the rest of the router.
// Where a router changes a list line by line, the list is named by its content, so
// that a changed one is another, complete before it is used.
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

	"github.com/nearcast/nearcast/bgp"
)

//go:embed files/*.tmpl
var files embed.FS

// routers are what can be written for, by the names that Write takes.
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

// Routers returns the names that Write takes.
func Routers() []string {
	return []string{"frr", "bird", "junos", "ios-xr", "eos", "srlinux", "sonic", "vyos"}
}

// Write writes the router's end of the session with the peer, which is one of the
// configuration's, or that which Own.In returns. Where speakers share the configuration, as ParseShared reads it,
// the text is for all of them: those at the given addresses and in the given
// networks, or in the router's own network where none are given. It never writes a
// key, only where that is.
func Write(w io.Writer, name string, c *bgp.Config, p *bgp.Peer, speakers ...netip.Prefix) error {
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

// Peer returns the configuration's peer of that name, or its only one for "".
func Peer(c *bgp.Config, name string) (*bgp.Peer, error) {
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
		return nil, fmt.Errorf("the configuration has several peers; name one of %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the configuration has no peer %s; it has %s", name, strings.Join(names, ", "))
}
