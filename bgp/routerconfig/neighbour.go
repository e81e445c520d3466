package routerconfig

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nearcast/nearcast/bgp"
)

// linkName is what Linux takes for the name of a link, but for characters that
// mean something to a router.
var linkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$`)

// find says where the speaker is.
func (s *session) find(c *bgp.Config, p *bgp.Peer) error {
	unique := ""
	switch {
	case p.Interface != "" && !linkName.MatchString(p.Interface):
		return fmt.Errorf("%q is not the name of a link", p.Interface)
	case p.Interface != "":
		s.Neighbour, unique = p.Interface, c.RouterID.String()+"-"+p.Interface
	case p.LocalAddress.IsValid():
		s.Neighbour = p.LocalAddress.String()
	case p.Session() == bgp.IPv4:
		s.Neighbour, s.Guessed = c.RouterID.String(), true
	default:
		return errors.New("the file does not say from which address the speaker connects; set the peer's localAddress")
	}
	if unique == "" {
		unique = s.Neighbour
	}
	s.Name = "NEARCAST-" + notSymbol.ReplaceAllString(unique, "-")
	return nil
}

var notSymbol = regexp.MustCompile(`[^A-Za-z0-9]`)

// symbol returns the name as BIRD takes it.
func symbol(name string) string { return strings.ToLower(notSymbol.ReplaceAllString(name, "_")) }

// maxKey is the longest key that the kernel takes; what stands in its place must
// load as well.
const maxKey = 80

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._/-]`)

// keyOf returns what stands in the place of the key in the file; "" for no file.
func keyOf(file string) string {
	if file == "" {
		return ""
	}
	text := "<the-key-in-" + notPlain.ReplaceAllString(file, "_") + ">"
	if len(text) > maxKey {
		return "<the-speakers-key>"
	}
	return text
}
