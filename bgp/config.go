package bgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/internal/admin"
)

// Config is the speaker's configuration file.
type Config struct {
	// ASN is this site's autonomous system, RouterID its IPv4 identifier.
	ASN      uint32     `yaml:"asn"`
	RouterID netip.Addr `yaml:"routerID"`
	Peers    []Peer     `yaml:"peers"`
	VIPs     []VIP      `yaml:"vips"`
	// Admin is the Unix socket for the command; "" for none.
	Admin string `yaml:"admin"`
}

// Peer is one router to announce to, over eBGP. A session carries the routes of
// its own address family.
type Peer struct {
	Address netip.Addr `yaml:"address"`
	ASN     uint32     `yaml:"asn"`
	// Port is the router's; 179 if it is 0.
	Port uint16 `yaml:"port"`
	// LocalAddress is what to connect from; the route decides if it is absent.
	LocalAddress netip.Addr `yaml:"localAddress"`
	// HoldTime is 3 s to 65535 s, 9 s if it is absent.
	HoldTime time.Duration `yaml:"holdTime"`
}

// VIP is a shared address, announced while every one of its checks passes.
type VIP struct {
	Address netip.Addr `yaml:"address"`
	Checks  []Check    `yaml:"checks"`
}

// Check is one question whose right answer proves that what is behind the VIP
// works here. Exactly one of DNS, HTTP and TCP is set.
type Check struct {
	DNS  *DNSCheck  `yaml:"dns"`
	HTTP *HTTPCheck `yaml:"http"`
	TCP  *TCPCheck  `yaml:"tcp"`
	// Scope is "local", which is also the default: a failure withdraws.
	Scope string `yaml:"scope"`
	// Rise and Fall are how many results in a row change the state; 3 and 2.
	Rise int `yaml:"rise"`
	Fall int `yaml:"fall"`
	// Interval lies between two checks, 1 s; Timeout bounds one, 1 s.
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"`
}

// DNSCheck asks a name server over UDP and over TCP; the answer must be
// authoritative and hold a record of the type.
type DNSCheck struct {
	Server netip.AddrPort `yaml:"server"`
	Name   string         `yaml:"name"`
	// Type is SOA if it is absent.
	Type string `yaml:"type"`
}

// HTTPCheck expects a status from 200 to 399.
type HTTPCheck struct {
	URL string `yaml:"url"`
	// Host is sent in the place of the URL's.
	Host string `yaml:"host"`
}

// TCPCheck expects a connection.
type TCPCheck struct {
	Address netip.AddrPort `yaml:"address"`
}

// The defaults of a check see a dead service within two seconds, and want three
// to believe in a living one.
const (
	defaultRise     = 3
	defaultFall     = 2
	defaultInterval = time.Second
	defaultTimeout  = time.Second
	defaultHoldTime = 9 * time.Second
	defaultPort     = 179
	// maxTimeout bounds how long a check may keep the speaker from ending.
	maxTimeout = 10 * time.Second
)

// Load reads and checks the file. Every fault is in the error, each with the
// file, the line where YAML tells it, and the key.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("bgp: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		var all []error
		for _, text := range strings.Split(err.Error(), "\n") {
			all = append(all, fmt.Errorf("%s: %s", path, strings.TrimSpace(text)))
		}
		return nil, errors.Join(all...)
	}
	return c, nil
}

// Parse checks the text of a configuration file; an unknown key is a fault.
func Parse(data []byte) (*Config, error) {
	c := &Config{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("is empty")
		}
		var typed *yaml.TypeError
		if errors.As(err, &typed) {
			return nil, errors.New(strings.Join(typed.Errors, "\n"))
		}
		return nil, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one YAML document")
	}
	return c, errors.Join(c.check()...)
}

func (c *Config) check() (faults []error) {
	fault := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	if c.ASN == 0 {
		fault("asn", "is required")
	}
	if !c.RouterID.Is4() {
		fault("routerID", "an IPv4 address is required")
	}
	if len(c.Admin) > admin.MaxPath {
		fault("admin", "is longer than %d characters", admin.MaxPath)
	}
	carried := map[bool]bool{}
	seen := map[netip.Addr]bool{}
	for i := range c.Peers {
		p := &c.Peers[i]
		key := fmt.Sprintf("peers[%d]", i)
		for _, err := range p.check(c.ASN) {
			fault(key, "%w", err)
		}
		if seen[p.Address] {
			fault(key, "%s is listed twice", p.Address)
		}
		seen[p.Address], carried[p.Address.Is4()] = true, true
	}
	if len(c.Peers) == 0 {
		fault("peers", "at least one is required")
	}
	for i := range c.VIPs {
		v := &c.VIPs[i]
		key := fmt.Sprintf("vips[%d]", i)
		for _, err := range v.check() {
			fault(key, "%w", err)
		}
		if v.Address.IsValid() && len(c.Peers) > 0 && !carried[v.Address.Is4()] {
			fault(key, "no peer carries the family of %s", v.Address)
		}
		if seen[v.Address] {
			fault(key, "%s is a peer or listed twice", v.Address)
		}
		seen[v.Address] = true
	}
	return faults
}

func (p *Peer) check(asn uint32) (faults []error) {
	p.Address, p.LocalAddress = p.Address.Unmap(), p.LocalAddress.Unmap()
	if !p.Address.IsValid() || p.Address.IsUnspecified() {
		faults = append(faults, errors.New("address: an IP address is required"))
	}
	if p.ASN == 0 || p.ASN == asn {
		faults = append(faults, fmt.Errorf("asn: %d is not another autonomous system; only eBGP peers are supported", p.ASN))
	}
	if p.LocalAddress.IsValid() && p.LocalAddress.Is4() != p.Address.Is4() {
		faults = append(faults, errors.New("localAddress: is of another family than address"))
	}
	if p.HoldTime == 0 {
		p.HoldTime = defaultHoldTime
	}
	// RFC 4271, section 4.2: zero or at least three seconds; zero would never notice.
	if p.HoldTime < 3*time.Second || p.HoldTime > 65535*time.Second || p.HoldTime%time.Second != 0 {
		faults = append(faults, fmt.Errorf("holdTime: %s is not whole seconds from 3s to 65535s", p.HoldTime))
	}
	if p.Port == 0 {
		p.Port = defaultPort
	}
	return faults
}

func (v *VIP) check() (faults []error) {
	v.Address = v.Address.Unmap()
	if !v.Address.IsGlobalUnicast() || v.Address.Zone() != "" {
		faults = append(faults, errors.New("address: a unicast IP address is required"))
	}
	if len(v.Checks) == 0 {
		faults = append(faults, errors.New("checks: at least one is required, or the address would be announced from a site that cannot serve it"))
	}
	for i := range v.Checks {
		for _, err := range v.Checks[i].check() {
			faults = append(faults, fmt.Errorf("checks[%d]: %w", i, err))
		}
	}
	return faults
}

func (c *Check) check() (faults []error) {
	kinds := 0
	if d := c.DNS; d != nil {
		kinds++
		if d.Type == "" {
			d.Type = "SOA"
		}
		if _, known := dns.StringToType[d.Type]; !known {
			faults = append(faults, fmt.Errorf("dns.type: %q is not a record type", d.Type))
		}
		if _, ok := dns.IsDomainName(d.Name); !ok || d.Name == "" {
			faults = append(faults, fmt.Errorf("dns.name: %q is not a name", d.Name))
		}
		if !d.Server.IsValid() {
			faults = append(faults, errors.New("dns.server: address:port is required"))
		}
	}
	if h := c.HTTP; h != nil {
		kinds++
		u, err := url.Parse(h.URL)
		if err == nil && (u.Scheme != "http" && u.Scheme != "https") {
			err = errors.New("neither http nor https")
		}
		if err == nil {
			_, err = addrPortOf(u)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("http.url: %q: %w", h.URL, err))
		}
	}
	if t := c.TCP; t != nil {
		kinds++
		if !t.Address.IsValid() {
			faults = append(faults, errors.New("tcp.address: address:port is required"))
		}
	}
	if kinds != 1 {
		faults = append(faults, errors.New("exactly one of dns, http and tcp is required"))
	}
	if c.Scope != "" && c.Scope != "local" {
		faults = append(faults, fmt.Errorf("scope: %q is not supported; local is", c.Scope))
	}
	c.Rise, c.Fall = orDefault(c.Rise, defaultRise), orDefault(c.Fall, defaultFall)
	c.Interval, c.Timeout = orDefault(c.Interval, defaultInterval), orDefault(c.Timeout, defaultTimeout)
	if c.Rise < 0 || c.Fall < 0 || c.Interval < 0 || c.Timeout < 0 {
		faults = append(faults, errors.New("rise, fall, interval and timeout are positive"))
	}
	if c.Timeout > maxTimeout {
		faults = append(faults, fmt.Errorf("timeout: %s is more than %s", c.Timeout, maxTimeout))
	}
	return faults
}

func orDefault[T int | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// addrPortOf returns where the URL leads; checks do not depend on name resolution.
func addrPortOf(u *url.URL) (netip.AddrPort, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	ap, err := netip.ParseAddrPort(host + ":" + port)
	if err != nil {
		return netip.AddrPort{}, errors.New("the host must be an IP address; name the virtual host under host")
	}
	return ap, nil
}
