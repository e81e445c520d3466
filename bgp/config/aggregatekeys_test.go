package config

import (
	"strings"
	"testing"
)

const withAggregates = `asn: 64512
routerID: 192.0.2.11
peers: [{address: 192.0.2.1, asn: 64500}, {address: "2001:db8::1", asn: 64500}]
`

func TestEveryFaultOfAnAggregateIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{prefix: 198.51.100.0/24}":                               "",
		"{prefix: 2001:db8:53::/48, hostRoutes: false, least: 3}": "",
		"{}":                                                     "line 4: aggregates[0].prefix: is required",
		"{prefix: 198.51.100.1/24}":                              "aggregates[0].prefix: 198.51.100.1/24 has bits set beyond its length",
		"{prefix: 198.51.100.1/32}":                              "aggregates[0].prefix: 198.51.100.1/32 is not from /8 to /31",
		"{prefix: 0.0.0.0/0}":                                    "aggregates[0].prefix: 0.0.0.0/0 is not from /8 to /31",
		"{prefix: \"::/0\"}":                                     "aggregates[0].prefix: ::/0 is not from /16 to /127",
		"{prefix: \"::ffff:198.51.100.0/120\"}":                  "aggregates[0].prefix: ::ffff:198.51.100.0/120 has bits set",
		"{prefix: 192.0.2.0/24}":                                 "aggregates[0].prefix: 192.0.2.0/24 contains an address of peer 192.0.2.1",
		"{prefix: 198.51.100.0/24, least: -1}":                   "aggregates[0].least: -1 is negative",
		"{prefix: 198.51.100.0/24, lest: 1}":                     "line 4: aggregates[0].lest: unknown key; did you mean least?",
		"{prefix: 198.51.100.0/24}, {prefix: 198.51.100.128/25}": "aggregates[1].prefix: 198.51.100.128/25 overlaps 198.51.100.0/24",
	} {
		_, err := Parse([]byte(withAggregates + "aggregates: [" + text + "]\n"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	_, err := Parse([]byte("asn: 64512\nrouterID: 192.0.2.11\npeers: [{address: 192.0.2.1, asn: 64500}]\naggregates: [{prefix: \"2001:db8:53::/48\"}]\n"))
	if err == nil || !strings.Contains(err.Error(), "2001:db8:53::/48 is sent to no peer: no peer carries ipv6") {
		t.Errorf("%v", err)
	}
}
