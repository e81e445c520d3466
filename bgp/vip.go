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

// VIP is a shared address and the conditions for announcing it.
type VIP struct {
	Address netip.Addr `yaml:"address"`
	// Bind is "lo" if the speaker is to give the address to this machine; "" if something else
	// gives it, or if it belongs to a Service.
	Bind string `yaml:"bind"`
	// Forwarded says that NAT, IPVS or eBPF takes packets to the address, although this machine
	// does not have it. The speaker does not check this.
	Forwarded bool `yaml:"forwarded"`
	// Disabled withdraws it as a drain does.
	Disabled bool `yaml:"disabled"`
	// Hints lets the site's resolver move the functions of the VIP away, as it does for VIPs of
	// Services.
	Hints bool `yaml:"hints"`
	// Peers are the peers that receive its route, by Peer.Entry or group; absent means all.
	Peers []string `yaml:"peers"`
	// Attributes are added to those of its state; nil for none.
	Attributes *Attributes `yaml:"attributes"`
	Checks     []Check     `yaml:"checks"`

	// Owners are the Services that it belongs to; none if it comes from the file.
	Owners []ServiceRef `yaml:"-"`
	// Backing says whether the Services have endpoints here.
	Backing Backing `yaml:"-"`
}

// namespace returns the namespace of the VIP's Services; "" if it comes from the file.
func (v *VIP) namespace() string {
	if len(v.Owners) == 0 {
		return ""
	}
	return v.Owners[0].Namespace
}

// Scope is what a check covers.
type Scope string

// Scopes of checks.
const (
	// Local checks test whether the service behind the VIP works here: a failure withdraws the
	// route.
	Local Scope = "local"
	// Upstream checks test whether this site reaches its dependencies: a failure only degrades the
	// VIP, so that it stays announced even if the checks fail at all sites.
	Upstream Scope = "upstream"
)

// Check is a probe whose success proves that the service behind the VIP works here. Exactly one of
// DNS, HTTP, TCP and Endpoints is set. Equal checks run once, however many VIPs have them.
type Check struct {
	DNS  *DNSCheck  `yaml:"dns"`
	HTTP *HTTPCheck `yaml:"http"`
	TCP  *TCPCheck  `yaml:"tcp"`
	// Endpoints is the check of a Service.
	Endpoints *EndpointsCheck `yaml:"-"`
	// Scope defaults to Local.
	Scope Scope `yaml:"scope"`
	// Rise and Fall are how many consecutive results change the state; the defaults are 3 and 2.
	Rise int `yaml:"rise"`
	Fall int `yaml:"fall"`
	// Interval is the time between two checks, Timeout the limit of one; both default to 1 s.
	Interval time.Duration `yaml:"interval"`
	Timeout  time.Duration `yaml:"timeout"`
	// FastInterval replaces Interval while results contradict the state; the default is a quarter
	// of it.
	FastInterval time.Duration `yaml:"fastInterval"`
}

// DNSCheck queries a name server over UDP and over TCP; each answer must hold a record of the type.
type DNSCheck struct {
	Server netip.AddrPort `yaml:"server"`
	Name   string         `yaml:"name"`
	// Type defaults to SOA.
	Type string `yaml:"type"`
	// Answer is the data that the records must have, in zone-file format and in any order; if
	// absent, any data will do.
	Answer []string `yaml:"answer"`
	// Recursive requests recursion and accepts an answer that is not authoritative; it is
	// true if Scope is Upstream.
	Recursive bool `yaml:"recursive"`
}

// HTTPCheck expects a status from 200 to 399.
type HTTPCheck struct {
	URL string `yaml:"url"`
	// Host replaces the host of the URL.
	Host string `yaml:"host"`
}

// TCPCheck expects a connection.
type TCPCheck struct {
	Address netip.AddrPort `yaml:"address"`
}

// EndpointsCheck probes endpoints of a Service; one that passes is enough.
type EndpointsCheck struct {
	Service ServiceRef
	Probe   federation.Target // except its Addr
	Addrs   []netip.AddrPort  `json:"-"` // they change while the check continues
}

// The defaults of a check detect a dead service within two seconds, and require three passes before
// a service counts as working.
const (
	defaultRise     = 3
	defaultFall     = 2
	defaultInterval = time.Second
	defaultTimeout  = time.Second
	fastFraction    = 4
	// maxTimeout limits how long a check can delay the end of the speaker.
	maxTimeout = 10 * time.Second
	// leastInterval prevents a typo from probing without a pause.
	leastInterval = 10 * time.Millisecond
	// maxInARow limits the number of consecutive results required.
	maxInARow = 1000
)

// id returns the same string for equal checks.
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

// complete sets the defaults.
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

// record parses a record with the given data.
func (d *DNSCheck) record(data string) (dns.RR, error) {
	rr, err := dns.NewRR(". 0 IN " + d.Type + " " + data)
	if err == nil && rr == nil {
		err = errors.New("is empty")
	}
	return rr, err
}

// target parses the URL; checks do not depend on name resolution.
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
