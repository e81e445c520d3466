package nearcast

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin/pkg/cache"
	"github.com/miekg/dns"
)

// signer signs a zone's answers online. Denials are compact (RFC 9824): each name has its own NSEC, which lists
// exactly the types that exist there. CoreDNS's dnssec plugin denies types that it does not know, such as HTTPS,
// and a resolver that uses NSEC aggressively (RFC 8198) then never queries them.
type signer struct {
	zone string
	// keys sign the DNSKEY records, zoneKeys everything else; one key may do both. Each
	// algorithm is in both.
	keys, zoneKeys []signingKey
	seed           maphash.Seed
	// signatures are by content; see signer.sign.
	signatures *cache.Cache[[]dns.RR]
}

// maxSignatures bounds the memory: each takes about 300 bytes.
const maxSignatures = 20000

// Signatures are valid even for clocks that are slightly wrong, and are renewed each day, long before they expire.
const (
	signatureSkew   = 3 * time.Hour
	signaturePeriod = 24 * time.Hour
	signatureLife   = 8 * 24 * time.Hour
)

// newSigner returns the signer of the zone with those of the keys that belong to it; nil if none does.
func newSigner(zone string, keys []signingKey, ttl uint32) *signer {
	s := &signer{zone: zone, seed: maphash.MakeSeed()}
	var entry, rest []signingKey // with and without SEP
	for _, k := range keys {
		if !strings.EqualFold(k.public.Hdr.Name, zone) {
			continue
		}
		public := *k.public
		public.Hdr.Ttl = ttl
		k.public = &public
		if k.public.Flags&dns.SEP != 0 {
			entry = append(entry, k)
		} else {
			rest = append(rest, k)
		}
	}
	if len(entry)+len(rest) == 0 {
		return nil
	}
	s.keys, s.zoneKeys = completed(entry, rest), completed(rest, entry)
	s.signatures = cache.New[[]dns.RR](maxSignatures)
	return s
}

// dnskeys are the zone's public keys.
func (s *signer) dnskeys() []dns.RR {
	var all []dns.RR
	for _, k := range slices.Concat(s.keys, s.zoneKeys) {
		if !slices.ContainsFunc(all, func(rr dns.RR) bool { return dns.IsDuplicate(rr, k.public) }) {
			all = append(all, k.public)
		}
	}
	return all
}

// sign appends the signatures of every record set of the section to the section.
func (s *signer) sign(section []dns.RR, now time.Time) ([]dns.RR, error) {
	var signed []dns.RR
	for len(section) > 0 {
		first := section[0].Header()
		var set, rest []dns.RR
		for _, rr := range section {
			if h := rr.Header(); h.Rrtype == first.Rrtype && h.Name == first.Name {
				set = append(set, rr)
			} else {
				rest = append(rest, rr)
			}
		}
		section = rest
		signed = append(signed, set...)
		if first.Rrtype == dns.TypeOPT {
			continue
		}
		signatures, err := s.signatureOf(set, now)
		if err != nil {
			return nil, err
		}
		signed = append(signed, signatures...)
	}
	return signed, nil
}

// signatureOf signs the set, or returns today's cached signature.
func (s *signer) signatureOf(set []dns.RR, now time.Time) ([]dns.RR, error) {
	inception := now.Truncate(signaturePeriod).Add(-signatureSkew)
	key, err := s.contentKey(set, inception)
	if err != nil {
		return nil, err
	}
	if known, ok := s.signatures.Get(key); ok {
		return spelt(known, set[0].Header().Name), nil
	}
	keys := s.zoneKeys
	switch set[0].Header().Rrtype {
	case dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY: // of these, the parent zone knows a key (RFC 7344, section 4.1)
		keys = s.keys
	}
	var all []dns.RR
	named := unstarred(set)
	for _, k := range keys {
		sig := &dns.RRSIG{
			Hdr:       dns.RR_Header{Name: set[0].Header().Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: set[0].Header().Ttl},
			Inception: uint32(inception.Unix()), Expiration: uint32(inception.Add(signatureLife).Unix()),
			KeyTag: k.tag, SignerName: s.zone, Algorithm: k.public.Algorithm,
		}
		if err := sig.Sign(k.private, named); err != nil {
			return nil, err
		}
		all = append(all, sig)
	}
	s.signatures.Add(key, all)
	return spelt(all, set[0].Header().Name), nil
}

// unstarred returns the set with its name spelled so that miekg/dns does not sign a name that merely begins with an
// asterisk, such as *a.example, as a wildcard's.
func unstarred(set []dns.RR) []dns.RR {
	name := set[0].Header().Name
	if !strings.HasPrefix(name, "*") || strings.HasPrefix(name, "*.") {
		return set
	}
	all := make([]dns.RR, len(set))
	for i, rr := range set {
		all[i] = dns.Copy(rr)
		all[i].Header().Name = `\042` + name[1:]
	}
	return all
}

// spelt returns copies of the signatures, which plugins in front may change. Their owner has the client's own case
// (0x20), which signatures do not cover.
func spelt(signatures []dns.RR, name string) []dns.RR {
	all := make([]dns.RR, len(signatures))
	for i, rr := range signatures {
		sig := *rr.(*dns.RRSIG)
		sig.Hdr.Name = name
		all[i] = &sig
	}
	return all
}

// contentKey is a hash, seeded in secret, of the set's wire form and the day: clients must not be able to make two
// contents collide.
func (s *signer) contentKey(set []dns.RR, inception time.Time) (uint64, error) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	buf := make([]byte, 512)
	for _, rr := range set {
		if n := dns.Len(rr); n > len(buf) {
			buf = make([]byte, n)
		}
		n, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			return 0, err
		}
		lowerName(buf[:n])
		_, _ = h.Write(buf[:n]) // never fails
	}
	binary.BigEndian.PutUint64(buf, uint64(inception.Unix()))
	_, _ = h.Write(buf[:8])
	return h.Sum64(), nil
}

// lowerName puts the name at the start of a packed record in lower case.
func lowerName(packed []byte) {
	for len(packed) > 0 && packed[0] > 0 && int(packed[0]) < len(packed) {
		label := packed[1 : 1+packed[0]]
		for i, b := range label {
			if 'A' <= b && b <= 'Z' {
				label[i] = b + 'a' - 'A'
			}
		}
		packed = packed[1+len(label):]
	}
}
