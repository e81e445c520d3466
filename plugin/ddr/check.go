package ddr

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/nearcast/nearcast/plugin/internal/blocks"
	"github.com/nearcast/nearcast/plugin/internal/certificate"
)

// Check reads the ddr lines of a Corefile with the server's own parser, and compares them with what the Corefile
// serves. It starts nothing. It returns the errors that would keep the server from starting or lead clients
// nowhere, and warnings about what only some clients would miss.
func Check(path string) (faults, warnings []error) {
	read, err := blocks.Read(path)
	if err != nil {
		return nil, nil // the check of the whole Corefile reports this
	}
	r := &report{path: path, all: read, now: time.Now(), said: map[string]bool{}}
	for _, block := range read {
		s, err := stanzaOf(path, block)
		switch {
		case err != nil:
			r.faults = append(r.faults, err)
		case s != nil:
			r.judge(block, s)
		}
	}
	return r.faults, r.warnings
}

// Designations returns the designations of all ddr lines of a Corefile, without duplicates.
func Designations(path string) (all []Designation, _ error) {
	read, err := blocks.Read(path)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, block := range read {
		s, err := stanzaOf(path, block)
		if err != nil {
			return nil, err
		}
		if s == nil {
			continue
		}
		for _, d := range s.designations {
			if key := d.record(0).String(); !seen[key] {
				seen[key] = true
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// stanzaOf parses the ddr line of a block, or returns nil if it has none.
func stanzaOf(path string, block caddyfile.ServerBlock) (*stanza, error) {
	tokens := block.Tokens["ddr"]
	if len(tokens) == 0 {
		return nil, nil
	}
	return parse(&caddy.Controller{Dispenser: caddyfile.NewDispenserTokens(path, tokens), ServerBlockKeys: block.Keys})
}

// report collects the findings for one Corefile.
type report struct {
	path             string
	all              []caddyfile.ServerBlock
	now              time.Time
	faults, warnings []error
	said             map[string]bool // lines that are imported are judged in each block, and reported once
}

func (r *report) fault(d *Designation, format string, args ...any) {
	r.say(&r.faults, d, format, args...)
}
func (r *report) warn(d *Designation, format string, args ...any) {
	r.say(&r.warnings, d, format, args...)
}

func (r *report) say(to *[]error, d *Designation, format string, args ...any) {
	err := fmt.Errorf("%s: designate %s: %s", d.At, d.Target, fmt.Sprintf(format, args...))
	if !r.said[err.Error()] {
		r.said[err.Error()] = true
		*to = append(*to, err)
	}
}

// judge checks those designations of a block that are for this Corefile's servers.
func (r *report) judge(block caddyfile.ServerBlock, s *stanza) {
	for i := range s.designations {
		d := &s.designations[i]
		if d.Elsewhere {
			continue
		}
		if d.Path != "" && d.Path != servedPath {
			r.fault(d, "dohpath %s is not served: CoreDNS answers only at %s", d.Path, servedPath)
		}
		asked := askedAt(block, d)
		if len(asked) == 0 && isPlain(block) {
			r.warn(d, "the address that clients query is unknown, so the certificate is not checked against it; set it with hint")
		}
		for _, protocol := range d.Protocols {
			r.judgeProtocol(d, protocol, asked)
		}
	}
}

// askedAt returns the addresses that clients query without encryption, as far as the Corefile has them: those of
// bind or direct, or else the designation's hints.
func askedAt(block caddyfile.ServerBlock, d *Designation) (addrs []netip.Addr) {
	if !isPlain(block) {
		return nil
	}
	if bound, everywhere := blocks.Bound(block); !everywhere && len(bound) > 0 {
		return bound
	}
	direct := caddyfile.NewDispenserTokens("", block.Tokens["direct"])
	for direct.Next() {
		for _, arg := range direct.RemainingArgs() {
			if addr, err := netip.ParseAddr(arg); err == nil {
				addrs = append(addrs, addr)
			}
		}
	}
	if len(addrs) > 0 {
		return addrs
	}
	return d.Hints
}

// isPlain reports whether the block serves unencrypted DNS.
func isPlain(block caddyfile.ServerBlock) bool { return len(blocks.Served(block.Keys)) > 0 }

// carriers are CoreDNS's key prefixes by protocol.
var carriers = map[string]string{"dot": transport.TLS, "doq": transport.QUIC, "h2": transport.HTTPS, "h3": transport.HTTPS3}

// judgeProtocol finds the block that serves a protocoland checks its certificate.
func (r *report) judgeProtocol(d *Designation, protocol string, asked []netip.Addr) {
	carrier, port := carriers[protocol], strconv.Itoa(int(d.PortOf(protocol)))
	var serving []caddyfile.ServerBlock
	for _, block := range r.all {
		if slices.Contains(blocks.ServedOver(carrier, block.Keys), blocks.ServedZone{Name: ".", Port: port}) {
			serving = append(serving, block)
		}
	}
	if len(serving) == 0 {
		r.fault(d, "%s: no server block serves %s://.:%s; add it, or write `elsewhere` if another server does", protocol, carrier, port)
	}
	for _, block := range serving {
		r.judgeHints(d, protocol, block)
		r.judgeCertificate(d, protocol, block, asked)
	}
}

// judgeHints finds hints on which the block does not listen.
func (r *report) judgeHints(d *Designation, protocol string, block caddyfile.ServerBlock) {
	bound, everywhere := blocks.Bound(block)
	if everywhere || len(bound) < len(blocks.Hosts(block)) {
		return
	}
	for _, hint := range d.Hints {
		if !slices.Contains(bound, hint) {
			r.fault(d, "%s: hint %s: the server block that serves it is bound to %v", protocol, hint, bound)
		}
	}
}

// judgeCertificate compares a block's certificate with the addresses that clients query.
func (r *report) judgeCertificate(d *Designation, protocol string, block caddyfile.ServerBlock, asked []netip.Addr) {
	of, named := certificate.FilesOf(block, rootOf(block))
	if !named {
		if len(block.Tokens["tls"]) == 0 {
			r.fault(d, "%s: its server block has no tls, so it serves without a certificate", protocol)
		}
		return // an ACME certificate is not on disk
	}
	leaf, err := certificate.Read(of, r.now)
	if err != nil {
		r.fault(d, "%s: %v", protocol, err)
		return
	}
	for _, addr := range asked {
		switch err := leaf.VerifyHostname(addr.String()); {
		case err == nil:
		case private(addr):
			r.warn(d, "%s: certificate %s is not valid for the address %s; because the address is private, clients still accept the designation if %s resolves to the same address (RFC 9462, section 4.3)",
				protocol, of.Cert, addr, d.Target)
		default:
			r.fault(d, "%s: certificate %s is not valid for the address %s, so clients reject the designation; add the address to subjectAltName (RFC 9462, section 4.2)",
				protocol, of.Cert, addr)
		}
	}
	if leaf.VerifyHostname(d.Target[:len(d.Target)-1]) != nil {
		r.warn(d, "%s: certificate %s is not valid for the name %s, which clients that learn it by DHCP require; add the name to subjectAltName (RFC 9463)", protocol, of.Cert, d.Target)
	}
}

// private reports whether RFC 9462, section 4.3, lets clients accept a certificate without the address.
func private(a netip.Addr) bool { return a.IsPrivate() || a.IsLinkLocalUnicast() }

// rootOf returns the directory of the block's root directive, or "" if it has none.
func rootOf(block caddyfile.ServerBlock) string {
	root := caddyfile.NewDispenserTokens("", block.Tokens["root"])
	if root.Next() && root.NextArg() {
		return root.Val()
	}
	return ""
}
