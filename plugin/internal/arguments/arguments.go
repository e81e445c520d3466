// Package arguments parses the arguments of keys in a plugin's Corefile block. An error says what is wrong with
// them; the caller adds the key and the line.
package arguments

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/typo"
)

// Position is a place in the Corefile.
type Position struct {
	File string
	Line int
}

// String returns file:line.
func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Here returns the controller's position.
func Here(c *caddy.Controller) Position { return Position{c.File(), c.Line()} }

// One takes a single argument.
func One(args []string, what string) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("takes one argument, %s", what)
	}
	return args[0], nil
}

// Prefixes takes prefixes and single addresses; an address is a prefix of full length.
func Prefixes(args []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, arg := range args {
		p, err := netip.ParsePrefix(arg)
		if err != nil {
			a, addrErr := netip.ParseAddr(arg)
			if addrErr != nil || a.Zone() != "" {
				return nil, fmt.Errorf("%q is neither a prefix nor an address", arg)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("%s has bits set beyond its length; did you mean %s?", p, p.Masked())
		}
		if before := p.Bits() - 96; p.Addr().Is4In6() && before >= 0 { // no IPv4 address would match it
			return nil, fmt.Errorf("%s stands for IPv4 addresses; write it as IPv4, %s", p, netip.PrefixFrom(p.Addr().Unmap(), before))
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// Servers takes addresses of name servers, with a port unless it is 53.
func Servers(args []string) ([]netip.AddrPort, error) { return ServersAt(53, args) }

// ServersAt takes addresses of servers, with a port unless it is the given default.
func ServersAt(usual uint16, args []string) ([]netip.AddrPort, error) {
	var servers []netip.AddrPort
	for _, arg := range args {
		server, err := netip.ParseAddrPort(arg)
		if a, alone := netip.ParseAddr(arg); alone == nil {
			server, err = netip.AddrPortFrom(a, usual), nil
		}
		if err != nil || server.Port() == 0 {
			return nil, fmt.Errorf("%q is not ADDR or ADDR:PORT, such as 192.0.2.53:53 or [2001:db8::53]:53", arg)
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// algorithms are the TSIG algorithms that the server can sign with. MD5 and SHA-1 are no longer among them.
var algorithms = []string{dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512}

// Key takes NAME [ALGORITHM] of a TSIG key and returns both canonical;
// hmac-sha256 is the default.
func Key(args []string) (name, algorithm string, err error) {
	if len(args) != 1 && len(args) != 2 {
		return "", "", errors.New("takes NAME [ALGORITHM]")
	}
	if _, ok := dns.IsDomainName(args[0]); !ok {
		return "", "", fmt.Errorf("%q is not a name", args[0])
	}
	algorithm = dns.HmacSHA256
	if len(args) == 2 {
		algorithm = dns.CanonicalName(args[1])
		if !slices.Contains(algorithms, algorithm) {
			return "", "", fmt.Errorf("%q is not one of %s", args[1], strings.Join(algorithms, " "))
		}
	}
	return dns.CanonicalName(args[0]), algorithm, nil
}

// UnknownKey returns the error for a key of a block: it suggests the closest known one, or lists all.
func UnknownKey(key string, known []string) error {
	if near := typo.Nearest(key, known); near != "" {
		return fmt.Errorf("unknown key %q; did you mean %s?", key, near)
	}
	return fmt.Errorf("unknown key %q; known keys: %s", key, strings.Join(known, ", "))
}

// Existing returns the path made absolute, so that two spellings of one file are one source. A missing file is
// taken for a typo.
func Existing(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(abs)
	return abs, err
}

// FolderToMake takes one directory. If it is missing, the server makes it at start, not earlier: checking a
// Corefile changes nothing.
func FolderToMake(args []string) (string, error) {
	dir, err := One(args, "a directory")
	if err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return abs, canBeMade(abs)
}

// canBeMade returns an error if the directory would be made below something that is not a directory.
func canBeMade(folder string) error {
	for at := folder; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is not a directory", at)
		case err == nil, at == filepath.Dir(at):
			return nil
		}
	}
}

// Socket returns the path of a socket made absolute. The program that listens on it makes its directory.
func Socket(args []string) (string, error) {
	path, err := One(args, "a path")
	if err != nil {
		return "", err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(abs); err == nil && info.Mode()&os.ModeSocket == 0 {
		return "", fmt.Errorf("%s exists and is not a socket; use another path", abs)
	}
	return abs, canBeMade(filepath.Dir(abs))
}
