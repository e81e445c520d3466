package nearcast

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// pair writes the files of a new key of the zone, and returns it.
func pair(t testing.TB, dir, base string, flags uint16, algorithm uint8, bits int) *dns.DNSKEY {
	t.Helper()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "fn.example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: flags, Protocol: 3, Algorithm: algorithm,
	}
	private, err := key.Generate(bits)
	if err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, base+".key"), fmt.Sprintln(key))
	fixture.Write(t, filepath.Join(dir, base+".private"), key.PrivateKeyString(private))
	return key
}

// TestKeysThatCannotSignAreRefused has files that are not keys, and pairs whose
// signatures no validator accepts.
func TestKeysThatCannotSignAreRefused(t *testing.T) {
	dir := federated(t, hello)
	write := func(name, text string) { fixture.Write(t, filepath.Join(dir, name), text+"\n") }
	fixture.Key(t, dir, "key")
	fixture.ZoneKey(t, dir, "other", "other.example.")
	pair(t, dir, "revoked", 257|dns.REVOKE, dns.ED25519, 256)
	pair(t, dir, "host", 1, dns.ED25519, 256)
	for name, text := range map[string]string{
		"broken.key":   "fn.example.org. 3600 IN DNSKEY 257",
		"txt.key":      "fn.example.org. 3600 IN TXT x",
		"empty.key":    "; nothing",
		"nosecret.key": "fn.example.org. 3600 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
		"protocol.key": "fn.example.org. 3600 IN DNSKEY 257 2 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
	} {
		write(name, text)
	}
	cases := []struct{ keys, plugin, want string }{
		{"DIR/none", "", "no such file"},
		{"DIR/broken", "", "sign: "},
		{"DIR/txt", "", "txt.key: not the DNSKEY of a zone"},
		{"DIR/empty", "", "empty.key: not the DNSKEY of a zone"},
		{"DIR/host", "", "host.key: not the DNSKEY of a zone"},
		{"DIR/nosecret", "", "no such file"},
		{"DIR/protocol", "", "protocol.key: protocol is 2 and must be 3"},
		{"DIR/revoked", "", "revoked.key: revoked"},
		{"DIR/other", "", "is not a zone of this block (fn.example.org.)"},
		{"DIR/key DIR/key.private", "", "key.private: given twice"},
		{"DIR/key", "dnssec {\n key file DIR/key\n }", "this block also has the plugin dnssec"},
	}
	for algorithm, bits := range map[uint8]int{dns.RSASHA1: 1024, dns.RSASHA256: 1024, dns.ECDSAP256SHA256: 256, dns.ECDSAP384SHA384: 384, dns.ED25519: 256} {
		name := dns.AlgorithmToString[algorithm]
		pair(t, dir, name, 257, algorithm, bits)
		pair(t, dir, name+"-strange", 257, algorithm, bits)
		pair(t, dir, name+"-short", 257, algorithm, bits)
		if err := os.Rename(filepath.Join(dir, name+".private"), filepath.Join(dir, name+"-strange.private")); err != nil {
			t.Fatal(err)
		}
		write(name+"-short.private", fmt.Sprintf("Private-key-format: v1.3\nAlgorithm: %d (%s)", algorithm, name))
		cases = append(cases,
			struct{ keys, plugin, want string }{"DIR/" + name + "-strange", "", "-strange.private: does not match "},
			struct{ keys, plugin, want string }{"DIR/" + name + "-short", "", "-short.private: does not match "})
	}
	for _, c := range cases {
		corefile := strings.Replace(strings.Replace(atMkCore, "cluster", fmt.Sprintf("sign %s\n\t\tcluster", c.keys), 1), "bind", c.plugin+"\n\tbind", 1)
		instance, err := coredns.Start(strings.ReplaceAll(corefile, "DIR", dir))
		if err == nil {
			_ = instance.Stop()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.keys, err, c.want)
		}
	}
}

// TestEveryAlgorithmOfAZoneSignsEverything has keys as during an algorithm rollover,
// where not every algorithm has a key of either kind.
func TestEveryAlgorithmOfAZoneSignsEverything(t *testing.T) {
	const entry, rest = 257, 256
	for name, c := range map[string]struct {
		keys []int // flags, each with its own algorithm
		want string
	}{
		"one key that does both":           {[]int{entry}, "1 of 1"},
		"two keys that do both":            {[]int{entry, entry}, "2 of 2"},
		"none with SEP":                    {[]int{rest, rest}, "2 of 2"},
		"a KSK and a ZSK":                  {[]int{entry, rest}, "2 of 2"},
		"two KSKs, one of them with a ZSK": {[]int{entry, entry, rest}, "3 of 3"},
	} {
		dir := t.TempDir()
		var keys []signingKey
		algorithms := []uint8{dns.ECDSAP256SHA256, dns.ED25519, dns.ECDSAP384SHA384}
		for i, flags := range c.keys {
			base := fmt.Sprint("key", i)
			bits := 256
			if algorithms[i] == dns.ECDSAP384SHA384 {
				bits = 384
			}
			pair(t, dir, base, uint16(flags), algorithms[i], bits)
			k, err := readKey(filepath.Join(dir, base))
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
		s := newSigner("fn.example.org.", keys, 30)
		for _, set := range [][]dns.RR{s.dnskeys(), {&dns.A{Hdr: dns.RR_Header{Name: "a.fn.example.org.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 30}, A: []byte{192, 0, 2, 1}}}} {
			signed, err := s.sign(slices.Clone(set), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			var by []uint8
			for _, rr := range signed[len(set):] {
				sig := rr.(*dns.RRSIG)
				at := slices.IndexFunc(keys, func(k signingKey) bool { return k.tag == sig.KeyTag })
				if err := sig.Verify(keys[at].public, set); err != nil {
					t.Errorf("%s: %v of %s", name, err, sig)
				}
				if !slices.Contains(by, sig.Algorithm) {
					by = append(by, sig.Algorithm)
				}
			}
			if got := fmt.Sprintf("%d of %d", len(by), len(s.dnskeys())); got != c.want {
				t.Errorf("%s: %s signed by the algorithms %v, %s", name, dns.Type(set[0].Header().Rrtype), by, got)
			}
		}
	}
}

// TestTwoKeysMayShareATag: a tag is a checksum, not a name (RFC 4034, appendix B).
func TestTwoKeysMayShareATag(t *testing.T) {
	byTag := map[uint16]signingKey{}
	for {
		public := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "fn.example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: 256, Protocol: 3, Algorithm: dns.ED25519}
		if _, err := public.Generate(256); err != nil {
			t.Fatal(err)
		}
		k := signingKey{public: public, tag: public.KeyTag()}
		if before, known := byTag[k.tag]; known {
			if got := newSigner("fn.example.org.", []signingKey{before, k}, 30).dnskeys(); len(got) != 2 {
				t.Errorf("%d of two keys with the tag %d are published", len(got), k.tag)
			}
			return
		}
		byTag[k.tag] = k
	}
}

// TestTheRootZoneIsSigned has names at its edges.
func TestTheRootZoneIsSigned(t *testing.T) {
	dir := federated(t, hello)
	key := fixture.ZoneKey(t, dir, "root", ".")
	s := serve(t, ".:0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t\tsign DIR/root\n\t}\n}", dir)
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{".", dns.TypeMX, "NOERROR||SOA RRSIG NSEC RRSIG"},
		{".", dns.TypeDNSKEY, "NOERROR|DNSKEY RRSIG|"},
		{".", dns.TypeNSEC, "NOERROR|NSEC RRSIG|"},
		{".", dns.TypeDS, "NOERROR||SOA RRSIG NSEC RRSIG"},
		{"nope.", dns.TypeA, "NOERROR||SOA RRSIG NSEC RRSIG"},
		{"demo.", dns.TypeA, "NOERROR||SOA RRSIG NSEC RRSIG"},
		{"hello.demo.", dns.TypeA, "NOERROR|A RRSIG|"},
	} {
		reply := s.exchange(wanted(c.name, c.qtype, true, false))
		if got := summarize(reply); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, dns.Type(c.qtype), got, c.want)
		}
		verify(t, key, slices.Concat(reply.Answer, reply.Ns))
	}
}

// verify checks that each set of the records is signed with the key.
func verify(t *testing.T, key *dns.DNSKEY, all []dns.RR) {
	t.Helper()
	for _, rr := range all {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		var set []dns.RR
		for _, rr := range all {
			if rr.Header().Rrtype == sig.TypeCovered && strings.EqualFold(rr.Header().Name, sig.Hdr.Name) {
				set = append(set, rr)
			}
		}
		if err := sig.Verify(key, set); err != nil {
			t.Errorf("%v of %s", err, sig)
		}
	}
}
