// Package lab runs a federation of five clusters on one machine, without Kubernetes
// and without privileges: per cluster a CoreDNS process, a speaker process and a
// gateway to its functions, which are WebAssembly with an instance for each call or
// native programs, and one router that peers with every speaker.
//
// Everything listens on loopback. A Lab is safe for concurrent use.
package lab

import (
	"net/netip"
	"path/filepath"
)

// The lab's fixed addresses and ports. Loopback's 127.0.0.0/8 needs no setup on Linux.
const (
	Zone       = "fn.example.org"
	routerASN  = 64500
	routerPort = 1790
	firstDNS   = 5301
)

var (
	routerAddr = netip.MustParseAddr("127.0.0.10")
	// DNSVIP is the resolvers' shared address. It is from RFC 5737's TEST-NET-2 and
	// bound nowhere: the lab shows its routes.
	DNSVIP = netip.MustParseAddr("198.51.100.53")
	// FunctionVIP is that of hello, likewise.
	FunctionVIP = netip.MustParseAddr("198.51.100.80")
)

// Functions are the names that the lab's manifests declare.
var Functions = []string{"hello", "thumbnail", "archive"}

// Hostname returns the function's name in the DNS.
func Hostname(function string) string { return function + ".demo." + Zone + "." }

// Site is one cluster of the paper's table 2, with what it runs here.
type Site struct {
	Name string
	// DNSPort is where its CoreDNS answers, on 127.0.0.1.
	DNSPort int
	// ASN and SpeakerAddr are its speaker's.
	ASN         uint32
	SpeakerAddr netip.Addr
	// Gateway is where its functions are served; invalid if it runs none.
	Gateway netip.AddrPort
}

// Sites are the federation, in the order of the paper.
var Sites = []Site{
	site(1, "mk-core", false),
	site(2, "us-azure", true),
	site(3, "hpc-kube", true),
	site(4, "de-wide", true),
	site(5, "l26-ugd", true),
}

func site(n byte, name string, functions bool) Site {
	s := Site{
		Name: name, DNSPort: firstDNS + int(n) - 1,
		ASN: routerASN + 10 + uint32(n), SpeakerAddr: netip.AddrFrom4([4]byte{127, 0, 0, 10 + n}),
	}
	if functions {
		s.Gateway = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, n}), 8080)
	}
	return s
}

// siteNamed returns the site's index, or -1.
func siteNamed(name string) int {
	for i, s := range Sites {
		if s.Name == name {
			return i
		}
	}
	return -1
}

// paths are the files of a lab.
type paths struct{ dir string }

func (p paths) manifests() string              { return filepath.Join(p.dir, "manifests") }
func (p paths) plane() string                  { return filepath.Join(p.dir, "karmada") }
func (p paths) kubeconfig() string             { return filepath.Join(p.dir, "nearcast.kubeconfig") }
func (p paths) locations() string              { return filepath.Join(p.dir, "locations.csv") }
func (p paths) corefile(site string) string    { return filepath.Join(p.dir, site+".Corefile") }
func (p paths) speaker(site string) string     { return filepath.Join(p.dir, site+".speaker.yaml") }
func (p paths) log(site, part string) string   { return filepath.Join(p.dir, site+"."+part+".log") }
func (p paths) admin(site, part string) string { return filepath.Join(p.dir, site+"."+part+".sock") }
func (p paths) control() string                { return filepath.Join(p.dir, "lab.sock") }
