package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/federation"
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
	Scope vip.Scope `yaml:"scope"`
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
	Service vip.ServiceRef
	Probe   federation.Target // except its Addr
	Addrs   []netip.AddrPort  `json:"-"` // they change while the check continues
}

// ID returns the same string for equal checks.
func (c *Check) ID() string {
	text, _ := json.Marshal(c) // values of these types always marshal
	return string(text)
}

func (c *Check) check(fault faultFunc) {
	if c.Scope != vip.Local && c.Scope != vip.Upstream {
		fault("scope", "%q is neither local nor upstream", c.Scope)
	}
	kinds := 0
	if c.DNS != nil {
		kinds++
		c.DNS.check(fault.under("dns"))
	}
	if c.HTTP != nil {
		kinds++
		if _, err := c.HTTP.Target(); err != nil {
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
	if c.Rise < 0 || c.Fall < 0 {
		fault("", "rise and fall must be positive")
	}
	if c.Rise > maxInARow || c.Fall > maxInARow {
		fault("", "rise %d and fall %d must be at most %d", c.Rise, c.Fall, maxInARow)
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		fault("timeout", "%s is not from 1ns to %s", c.Timeout, maxTimeout)
	}
	if c.Interval < leastInterval || c.FastInterval < leastInterval {
		fault("interval", "%s and fastInterval %s must be at least %s", c.Interval, c.FastInterval, leastInterval)
	}
	if c.FastInterval > c.Interval {
		fault("fastInterval", "%s is more than interval, %s", c.FastInterval, c.Interval)
	}
}

func (d *DNSCheck) check(fault faultFunc) {
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
		if _, err := d.Record(text); err != nil {
			fault("answer", "%q is not the data of a %s: %v", text, d.Type, err)
		}
	}
}

// Record parses a record with the given data.
func (d *DNSCheck) Record(data string) (dns.RR, error) {
	rr, err := dns.NewRR(". 0 IN " + d.Type + " " + data)
	if err == nil && rr == nil {
		err = errors.New("is empty")
	}
	return rr, err
}

// Target parses the URL; checks do not depend on name resolution.
func (h *HTTPCheck) Target() (federation.Target, error) {
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
		return federation.Target{}, errors.New("the host must be an IP address; set the virtual host with the key host")
	}
	return federation.Target{Kind: federation.ProbeKind(u.Scheme), Addr: addr, Host: h.Host, Path: u.RequestURI()}, nil
}

// Name describes in a word or two what is checked.
func (c *Check) Name() string {
	switch {
	case c.DNS != nil:
		return fmt.Sprintf("dns %s %s at %s", c.DNS.Name, c.DNS.Type, c.DNS.Server)
	case c.HTTP != nil:
		return c.HTTP.URL
	case c.TCP != nil:
		return "tcp " + c.TCP.Address.String()
	}
	return fmt.Sprintf("%s at the endpoints of Service %s", c.Endpoints.Probe.Kind, c.Endpoints.Service)
}

// Addr returns the address that is probed; invalid for endpoints.
func (c *Check) Addr() netip.Addr {
	switch {
	case c.DNS != nil:
		return c.DNS.Server.Addr()
	case c.HTTP != nil:
		target, _ := c.HTTP.Target() // the zero Addr if the URL is faulty
		return target.Addr.Addr()
	case c.TCP != nil:
		return c.TCP.Address.Addr()
	}
	return netip.Addr{}
}

const (
	// maxTimeout limits how long a check can delay the end of the speaker.
	maxTimeout = 10 * time.Second
	// leastInterval prevents a typo from probing without a pause.
	leastInterval = 10 * time.Millisecond
	// maxInARow limits the number of consecutive results required.
	maxInARow = 1000
)
