package check

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/bgp/config"
)

// TestATruncatedAnswerProvesALiveServer: over UDP it says nothing, with or without
// records in it, and the answer over TCP decides.
func TestATruncatedAnswerProvesALiveServer(t *testing.T) {
	const soa = "fn.example.org. 5 IN SOA a. b. 1 2 3 4 5"
	overUDP := func(w dns.ResponseWriter) bool { return w.LocalAddr().Network() == "udp" }
	truncated := func(m *dns.Msg, w dns.ResponseWriter) { m.Truncated = overUDP(w) }
	slip := func(m *dns.Msg, w dns.ResponseWriter) {
		if overUDP(w) {
			m.Truncated, m.Authoritative, m.Answer = true, false, nil
		}
	}
	over := func(tcp func(*dns.Msg)) func(*dns.Msg, dns.ResponseWriter) {
		return func(m *dns.Msg, w dns.ResponseWriter) {
			if slip(m, w); !overUDP(w) {
				tcp(m)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*dns.Msg, dns.ResponseWriter)
		want   string
	}{
		"with records":                 {truncated, ""},
		"empty, and not authoritative": {slip, ""},
		"and TCP gives another":        {over(func(m *dns.Msg) { m.Answer = nil }), "over tcp: the answer has no SOA"},
		"and TCP fails":                {over(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }), "over tcp: SERVFAIL"},
		"over TCP too":                 {over(func(m *dns.Msg) { m.Truncated = true }), "over tcp: the answer is truncated"},
	} {
		check := &config.DNSCheck{Server: dnsServer(t, answering(t, c.change, soa)), Name: "fn.example.org", Type: "SOA"}
		err := Run(t.Context(), &config.Check{DNS: check, Timeout: 5 * time.Second}, ask)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	alone := &config.DNSCheck{Server: dnsServer(t, answering(t, slip, soa), "udp only"), Name: "fn.example.org", Type: "SOA"}
	if err := Run(t.Context(), &config.Check{DNS: alone, Timeout: 5 * time.Second}, ask); err == nil || !strings.HasPrefix(err.Error(), "over tcp: ") {
		t.Errorf("without TCP: got %v", err)
	}
}

// TestTheTimeoutBoundsBothProtocols: TCP has what UDP left of it.
func TestTheTimeoutBoundsBothProtocols(t *testing.T) {
	const timeout = 2 * time.Second
	slow := func(m *dns.Msg, _ dns.ResponseWriter) {
		m.Truncated = true
		time.Sleep(timeout * 3 / 4)
	}
	check := config.Check{DNS: &config.DNSCheck{Server: dnsServer(t, answering(t, slow)), Name: "fn.example.org", Type: "SOA"}, Timeout: timeout}
	if err := Run(t.Context(), &check, ask); err == nil || !strings.HasPrefix(err.Error(), "over tcp: ") {
		t.Error(err)
	}
}
