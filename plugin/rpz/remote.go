package rpz

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nearcast/nearcast/plugin/internal/arguments"
	"github.com/nearcast/nearcast/plugin/rpz/internal/download"
	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
)

// remote is the part of an origin that is not a file, except its primaries.
type remote struct {
	// url is the address of the list, and checksum that of its digest; "" for none.
	url, checksum string
	refresh       time.Duration
	// encrypted makes transfers use TLS; trust is for these and for lists.
	encrypted bool
	trust     outbound.Trust
	sources   outbound.Sources
}

// The default ports of primaries.
const (
	portDNS = 53
	portDoT = 853 // RFC 9103, section 7.1
)

func (z *configuredZone) resolvePrimaries(port uint16) error {
	servers, err := arguments.ServersAt(port, z.addresses)
	var primaries []string
	for _, server := range servers {
		primaries = append(primaries, server.String())
	}
	z.origin.primaries = strings.Join(primaries, " ")
	return err
}

func (z *configuredZone) parseURL(args []string) (err error) {
	z.origin.refresh = cmp.Or(z.origin.refresh, download.DefaultRefresh) // in whatever order they are written
	z.origin.url, err = oneURL(args)
	return err
}

func (z *configuredZone) parseChecksum(args []string) (err error) {
	z.origin.checksum, err = oneURL(args)
	return err
}

func oneURL(args []string) (string, error) {
	arg, err := arguments.One(args, "an https URL")
	if err != nil {
		return "", err
	}
	u, err := download.ParseURL(arg)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

func (z *configuredZone) parseRefresh(args []string) error {
	arg, err := arguments.One(args, "a duration")
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(arg)
	if err != nil || d < download.LeastRefresh || d > download.MostRefresh {
		return fmt.Errorf("%q is not a duration from 1m to 168h", arg)
	}
	z.origin.refresh = d
	return nil
}

// parseTLS takes [NAME] [ca FILE] [pin DIGEST...].
func (z *configuredZone) parseTLS(args []string) (err error) {
	z.origin.encrypted = true
	t := &z.origin.trust
	if i := slices.Index(args, "pin"); i >= 0 {
		if len(args) == i+1 {
			return errors.New("pin: takes key digests")
		}
		if t.Pins, err = outbound.ParsePins(args[i+1:]); err != nil {
			return fmt.Errorf("pin: %w", err)
		}
		args = args[:i]
	}
	if i := slices.Index(args, "ca"); i >= 0 {
		if len(args) != i+2 {
			return errors.New("ca: takes one file")
		}
		if t.CA, err = arguments.Existing(args[i+1]); err != nil {
			return fmt.Errorf("ca: %w", err)
		}
		args = args[:i]
	}
	if len(args) > 1 {
		return errors.New("takes [NAME] [ca FILE] [pin DIGEST...]")
	}
	if len(args) == 1 {
		if !hostOrAddress.MatchString(args[0]) {
			return fmt.Errorf("%q is not a host name or address of a certificate; write ca before a CA file, and pin before a digest", args[0])
		}
		t.Name = args[0]
	}
	if err := t.Check(); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	return nil
}

// hostOrAddress is what certificates are for.
var hostOrAddress = regexp.MustCompile(`^[0-9A-Za-z_.:-]+$`)

func (z *configuredZone) parseSource(args []string) error {
	if len(args) == 0 {
		return errors.New("takes an IPv4 address, an IPv6 address, or both")
	}
	var addrs []netip.Addr
	for _, arg := range args {
		a, err := netip.ParseAddr(arg)
		if err != nil || a.IsUnspecified() || a.IsMulticast() {
			return fmt.Errorf("%q is not an address that a connection can start from", arg)
		}
		addrs = append(addrs, a)
	}
	var err error
	z.origin.sources, err = outbound.NewSources(addrs...)
	return err
}

// settle checks that the zone's settings fit together, and completes those that depend on others.
func (z *configuredZone) settle() error {
	o := &z.origin
	for _, key := range []string{"limit", "tls", "source"} {
		if _, set := z.written[key]; set && o.file != "" {
			return fmt.Errorf("%s: requires a primary or a url", key)
		}
	}
	for _, key := range []string{"checksum", "refresh"} {
		if _, set := z.written[key]; set && o.url == "" {
			return fmt.Errorf("%s: requires a url", key)
		}
	}
	switch {
	case o.url != "" && o.trust.Name != "":
		return fmt.Errorf("tls: %q: the certificate of a url must have the name of its host; only ca and pin can be set for a url", o.trust.Name)
	case o.url != "" && o.encrypted && o.trust == (outbound.Trust{}):
		return errors.New("tls: has no effect on a url without ca or pin")
	case o.encrypted && o.url == "":
		if err := z.resolvePrimaries(portDoT); err != nil {
			return err
		}
	}
	return o.checkSources()
}

// checkSources finds a server that cannot be reached from the source addresses. The host of a url can be checked
// only if it is an address.
func (o *origin) checkSources() error {
	for _, primary := range strings.Fields(o.primaries) {
		if at := netip.MustParseAddrPort(primary); !o.sources.Reaches(at.Addr()) {
			return fmt.Errorf("source: the primary %s is of the other address family; add a source address of that family", at.Addr())
		}
	}
	for key, text := range map[string]string{"url": o.url, "checksum": o.checksum} {
		u, err := url.Parse(text)
		if err != nil {
			return err // it has been parsed before
		}
		if at, err := netip.ParseAddr(u.Hostname()); err == nil && !o.sources.Reaches(at) {
			return fmt.Errorf("source: the host %s of the %s is of the other address family; add a source address of that family", at, key)
		}
	}
	return nil
}
