package bgp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
)

// VIP is a shared address with what must hold for it to be announced.
type VIP struct {
	Address netip.Addr `yaml:"address"`
	// Bind is "lo" where the address is to be given to this machine; "" where somebody
	// else gives it, or it is a Service's.
	Bind string `yaml:"bind"`
	// Forwarded says that packets to the address are taken although it is not this machine's:
	// by NAT, IPVS or eBPF. Nobody looks whether that is so.
	Forwarded bool `yaml:"forwarded"`
	// Disabled takes it away, as a drain does.
	Disabled bool `yaml:"disabled"`
	// Hints lets the resolver of the site say that the functions of the VIP are to leave,
	// as it does of Services' VIPs.
	Hints bool `yaml:"hints"`
	// Peers are the peers that its route is sent to, by Peer.Entry or group; absent, all of
	// them.
	Peers []string `yaml:"peers"`
	// Attributes are added to those of its state; nil for none.
	Attributes *Attributes `yaml:"attributes"`
	Checks     []Check     `yaml:"checks"`

	// Owners are the Services that it belongs to; none where it is the file's.
	Owners []ServiceRef `yaml:"-"`
	// Backing is whether the Services have endpoints here.
	Backing Backing `yaml:"-"`
}

// namespace is that of the Services that it belongs to; "" where it is the file's.
func (v *VIP) namespace() string {
	if len(v.Owners) == 0 {
		return ""
	}
	return v.Owners[0].Namespace
}

// Scope is what a check is about.
type Scope string

// The scopes of checks.
const (
	// Local checks ask whether what is behind the VIP works here: a failure withdraws.
	Local Scope = "local"
	// Upstream checks ask whether this site reaches what it depends on: a failure
	// degrades, so that where all sites fail none goes dark.
	Upstream Scope = "upstream"
)

// Check is one question whose right answer proves that what is behind the VIP
// works here. Exactly one of DNS, HTTP, TCP and Endpoints is set. Equal checks
// are asked once, however many VIPs have them.
type Check struct {
	DNS  *DNSCheck  `yaml:"dns"`
	HTTP *HTTPCheck `yaml:"http"`
	TCP  *TCPCheck  `yaml:"tcp"`
	// Endpoints is a Service's check.
	Endpoints *EndpointsCheck `yaml:"-"`
	// Scope is Local if it is absent.
	Scope Scope `yaml:"scope"`
	// Rise and Fall are how many results in a row change the state; 3 and 2.
	Rise int `yaml:"rise"`
	Fall int `yaml:"fall"`
	// Interval lies between two checks, 1 s; Timeout bounds one, 1 s.
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"`
	// FastInterval takes the place of Interval while results contradict the state; a
	// quarter of it.
	FastInterval time.Duration `yaml:"fastInterval"`
}

// DNSCheck asks a name server over UDP and over TCP; each answer must hold a
// record of the type.
type DNSCheck struct {
	Server netip.AddrPort `yaml:"server"`
	Name   string         `yaml:"name"`
	// Type is SOA if it is absent.
	Type string `yaml:"type"`
	// Answer is the data that the records must have, in zone-file form and in any
	// order; absent, any will do.
	Answer []string `yaml:"answer"`
	// Recursive asks for recursion, and does not want an authoritative answer; true
	// where Scope is Upstream.
	Recursive bool `yaml:"recursive"`
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

// EndpointsCheck probes endpoints of a Service; one that passes is enough.
type EndpointsCheck struct {
	Service ServiceRef
	Probe   federation.Target // but for its Addr
	Addrs   []netip.AddrPort  `json:"-"` // they come and go, and the check goes on
}

// The defaults of a check see a dead service within two seconds, and want three
// to believe in a living one.
const (
	defaultRise     = 3
	defaultFall     = 2
	defaultInterval = time.Second
	defaultTimeout  = time.Second
	fastFraction    = 4
	// maxTimeout bounds how long a check may keep the speaker from ending.
	maxTimeout = 10 * time.Second
	// leastInterval keeps a typo from asking without a pause.
	leastInterval = 10 * time.Millisecond
	// maxInARow bounds how many results in a row are waited for.
	maxInARow = 1000
)

// id is the same for equal checks.
func (c *Check) id() string {
	text, _ := json.Marshal(c) // values of these types always marshal
	return string(text)
}

func (v *VIP) check(fault faultFunc) {
	v.Address = v.Address.Unmap()
	if !v.Address.IsGlobalUnicast() || v.Address.Zone() != "" {
		fault("address", "a unicast IP address is required")
	} else if text := faultOfAddress(v.Address); text != "" {
		fault("address", "%s", text)
	}
	if v.Bind != "" && v.Bind != "lo" {
		fault("bind", "%q is not lo", v.Bind)
	}
	if v.Bind != "" && v.Forwarded {
		fault("forwarded", "excludes bind: an address that this machine has is not forwarded")
	}
	if !slices.ContainsFunc(v.Checks, func(c Check) bool { return c.Scope != Upstream }) {
		fault("checks", "a local one is required, or the address would be announced from a site that cannot serve it")
	}
	for i := range v.Checks {
		v.Checks[i].check(fault.under(fmt.Sprintf("checks[%d]", i)))
	}
}

func (c *Check) check(fault faultFunc) {
	if c.Scope == "" {
		c.Scope = Local
	}
	if c.Scope != Local && c.Scope != Upstream {
		fault("scope", "%q is neither local nor upstream", c.Scope)
	}
	kinds := 0
	if c.DNS != nil {
		kinds++
		c.DNS.Recursive = c.DNS.Recursive || c.Scope == Upstream
		c.DNS.check(fault.under("dns"))
	}
	if c.HTTP != nil {
		kinds++
		if _, err := c.HTTP.target(); err != nil {
			fault("http.url", "%q: %v", c.HTTP.URL, err)
		}
	}
	if c.TCP != nil {
		kinds++
		if text := faultOfTarget(c.TCP.Address); text != "" {
			fault("tcp.address", "%s", text)
		}
	}
	if kinds != 1 {
		fault("", "exactly one of dns, http and tcp is required")
	}
	c.checkTiming(fault)
}

func (c *Check) checkTiming(fault faultFunc) {
	c.complete()
	if c.Rise < 0 || c.Fall < 0 {
		fault("", "rise and fall are positive")
	}
	if c.Rise > maxInARow || c.Fall > maxInARow {
		fault("", "rise %d and fall %d are at most %d", c.Rise, c.Fall, maxInARow)
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		fault("timeout", "%s is not from 1ns to %s", c.Timeout, maxTimeout)
	}
	if c.Interval < leastInterval || c.FastInterval < leastInterval {
		fault("interval", "%s and fastInterval %s are at least %s", c.Interval, c.FastInterval, leastInterval)
	}
	if c.FastInterval > c.Interval {
		fault("fastInterval", "%s is more than interval, %s", c.FastInterval, c.Interval)
	}
}

// complete sets what is absent.
func (c *Check) complete() {
	c.Rise, c.Fall = orDefault(c.Rise, defaultRise), orDefault(c.Fall, defaultFall)
	c.Interval, c.Timeout = orDefault(c.Interval, defaultInterval), orDefault(c.Timeout, defaultTimeout)
	c.FastInterval = orDefault(c.FastInterval, max(c.Interval/fastFraction, min(leastInterval, c.Interval)))
}

func (d *DNSCheck) check(fault faultFunc) {
	if d.Type == "" {
		d.Type = "SOA"
	}
	if _, known := dns.StringToType[d.Type]; !known {
		fault("type", "%q is not a record type", d.Type)
	}
	if _, ok := dns.IsDomainName(d.Name); !ok || d.Name == "" {
		fault("name", "%q is not a name", d.Name)
	}
	if text := faultOfTarget(d.Server); text != "" {
		fault("server", "%s", text)
	}
	for _, text := range d.Answer {
		if _, err := d.record(text); err != nil {
			fault("answer", "%q is not the data of a %s: %v", text, d.Type, err)
		}
	}
}

// record returns the record with the data.
func (d *DNSCheck) record(data string) (dns.RR, error) {
	rr, err := dns.NewRR(". 0 IN " + d.Type + " " + data)
	if err == nil && rr == nil {
		err = errors.New("is empty")
	}
	return rr, err
}

// target returns what the URL leads to; checks do not depend on name resolution.
func (h *HTTPCheck) target() (federation.Target, error) {
	u, err := url.Parse(h.URL)
	if err != nil {
		return federation.Target{}, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return federation.Target{}, errors.New("neither http nor https")
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	addr, err := netip.ParseAddrPort(host + ":" + port)
	if err != nil {
		return federation.Target{}, errors.New("the host must be an IP address; name the virtual host under host")
	}
	return federation.Target{Kind: federation.ProbeKind(u.Scheme), Addr: addr, Host: h.Host, Path: u.RequestURI()}, nil
}

func orDefault[T int | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}
