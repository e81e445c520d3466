// Package routerconfig writes what a router needs for its session with a speaker,
// from the speaker's own configuration: the other end of one of its peers. It
// writes for FRR, BIRD 2, Junos and IOS XR; only the first two were ever tried, by
// its tests.
package routerconfig

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"

	"github.com/nearcast/nearcast/bgp"
)

//go:embed files/*.tmpl
var files embed.FS

// routers are what can be written for, by the names that Write takes.
var routers = map[string]router{
	"frr":    {anyPort: true, unnumbered: true},
	"bird":   {anyPort: true, unnumbered: true},
	"junos":  {},
	"ios-xr": {maxMultiplier: 16, gtsmOutside: true},
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{"symbol": symbol, "seq": seq}).ParseFS(files, "files/*.tmpl"))

// Routers returns the names that Write takes.
func Routers() []string { return []string{"frr", "bird", "junos", "ios-xr"} }

// Write writes the router's end of the session with the peer, which is one of the
// configuration's. It never writes a key, only where that is.
func Write(w io.Writer, name string, c *bgp.Config, p *bgp.Peer) error {
	r, ok := routers[name]
	if !ok {
		return fmt.Errorf("router %q is not one of %s", name, strings.Join(Routers(), ", "))
	}
	s, err := r.session(c, p)
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
