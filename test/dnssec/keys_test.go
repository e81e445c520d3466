package dnssec_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// pair writes the files of a new key of the zone, and returns it.
func pair(t *testing.T, dir, base, zone string, flags uint16, algorithm uint8) *dns.DNSKEY {
	t.Helper()
	bits := map[uint8]int{dns.RSASHA256: 2048, dns.ECDSAP256SHA256: 256, dns.ECDSAP384SHA384: 384, dns.ED25519: 256}[algorithm]
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: flags, Protocol: 3, Algorithm: algorithm}
	private, err := key.Generate(bits)
	if err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, base+".key"), fmt.Sprintln(key))
	fixture.Write(t, filepath.Join(dir, base+".private"), key.PrivateKeyString(private))
	return key
}

// TestEverySetOfKeysIsValidated has the sets of keys that a zone and one inside it have
// during key rollovers, and a validator that requires a signature of every algorithm.
func TestEverySetOfKeysIsValidated(t *testing.T) {
	const entry, rest = 257, 256
	type key struct {
		flags     uint16
		algorithm uint8
	}
	for name, keys := range map[string][]key{
		"a KSK and a ZSK":                      {{entry, dns.ECDSAP256SHA256}, {rest, dns.ECDSAP256SHA256}},
		"a KSK and a ZSK of another algorithm": {{entry, dns.ED25519}, {rest, dns.ECDSAP256SHA256}},
		"a new ZSK with the old one":           {{entry, dns.ECDSAP256SHA256}, {rest, dns.ECDSAP256SHA256}, {rest, dns.ECDSAP256SHA256}},
		"a new algorithm without a ZSK yet":    {{entry, dns.RSASHA256}, {rest, dns.RSASHA256}, {entry, dns.ECDSAP384SHA384}},
		"two CSKs of two algorithms":           {{entry, dns.ECDSAP256SHA256}, {entry, dns.ED25519}},
		"keys without the SEP flag":            {{rest, dns.ECDSAP256SHA256}, {rest, dns.ED25519}},
		"a new algorithm without a KSK yet":    {{entry, dns.ECDSAP256SHA256}, {rest, dns.ECDSAP256SHA256}, {rest, dns.ED25519}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := federation(t)
			var lines [2]string
			var anchor *dns.DNSKEY
			for i, k := range keys {
				for level, zone := range []string{origin, inside} {
					base := fmt.Sprintf("key%d-%d", level, i)
					made := pair(t, dir, base, zone, k.flags, k.algorithm)
					lines[level] += " DIR/" + base
					if i == 0 && level == 0 {
						anchor = made
					}
				}
			}
			corefile := origin + ":PORT " + inside + ":PORT {\nbind 127.0.0.1\nnearcast {\nCOMMON\nsign" + strings.Join(lines[:], "") + "\n}\n}\n"
			port := nearcast(t, dir, corefile)
			validating, byDelv := unbound(t, port, anchor, inside), delv(t, anchor)
			for a, want := range map[ask]string{
				{origin, dns.TypeDNSKEY, false}: "data", {origin, dns.TypeCDS, false}: "data", {origin, dns.TypeCDNSKEY, false}: "data", {origin, dns.TypeMX, false}: "nodata", {"hello.demo." + origin, dns.TypeA, false}: "data",
				{"none." + origin, dns.TypeA, false}: "nodata", {inside, dns.TypeDS, false}: "data", {inside, dns.TypeSOA, false}: "data",
				{"in." + inside, dns.TypeA, false}: "data", {"none." + inside, dns.TypeA, false}: "nodata",
			} {
				if reply := exchange(t, validating, a); kind(reply, a) != want || !reply.AuthenticatedData {
					t.Errorf("%s through Unbound: got %s\n%s", a, reply, exchange(t, port, a))
				}
				if verdict, printed := byDelv(port, a); verdict != want {
					t.Errorf("%s by delv: got %s, want %s\n%s", a, verdict, want, printed)
				}
			}
		})
	}
}
