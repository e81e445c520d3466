package main

import (
	"fmt"
	"os"

	"github.com/miekg/dns"
)

// writeKey makes a key of the zone, ECDSA P-256 as most zones have (RFC 8624), and
// writes base.key and base.private, as dnssec-keygen does.
func writeKey(base string) error {
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: dns.Fqdn(zone), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		return fmt.Errorf("key of %s: %w", zone, err)
	}
	if err := os.WriteFile(base+".key", []byte(key.String()+"\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".private", []byte(key.PrivateKeyString(private)), 0o600)
}
