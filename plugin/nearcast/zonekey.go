package nearcast

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/base/regular"
)

// signingKey is a zone's public key and its private part.
type signingKey struct {
	public  *dns.DNSKEY
	private crypto.Signer
	tag     uint16
}

// maxKeySize bounds the files of a key, in octets; the largest have a few thousand.
const maxKeySize = 1 << 16

// readKey reads base.key and base.private, as dnssec-keygen writes them; base may end in either suffix. It returns
// an error for a pair whose signatures no validator accepts.
func readKey(base string) (signingKey, error) {
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".key"), ".private")
	public, err := readPublic(base + ".key")
	if err != nil {
		return signingKey{}, err
	}
	private, err := readPrivate(base+".private", public)
	if err != nil {
		return signingKey{}, err
	}
	k := signingKey{public, private, public.KeyTag()}
	if err := k.try(); err != nil {
		return signingKey{}, fmt.Errorf("%s.private: does not match %s.key: %w; use the pair of files that dnssec-keygen wrote together", base, base, err)
	}
	return k, nil
}

// readPublic reads a DNSKEY with which validators verify a zone (RFC 4034, section 2.1).
func readPublic(path string) (*dns.DNSKEY, error) {
	file, err := regular.Open(path, maxKeySize)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rr, err := dns.ReadRR(file, path)
	if err != nil {
		return nil, err
	}
	key, ok := rr.(*dns.DNSKEY)
	switch {
	case !ok || key.Flags&dns.ZONE == 0:
		return nil, fmt.Errorf("%s: not the DNSKEY of a zone", path)
	case key.Flags&dns.REVOKE != 0:
		return nil, fmt.Errorf("%s: revoked, so it cannot validate the zone (RFC 5011, section 2.1); use another key", path)
	case key.Protocol != zoneProtocol:
		return nil, fmt.Errorf("%s: protocol is %d and must be %d (RFC 4034, section 2.1.2)", path, key.Protocol, zoneProtocol)
	}
	return key, nil
}

// zoneProtocol is the protocol of every DNSKEY (RFC 4034, section 2.1.2).
const zoneProtocol = 3

func readPrivate(path string, public *dns.DNSKEY) (crypto.Signer, error) {
	file, err := regular.Open(path, maxKeySize)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	secret, err := public.ReadPrivateKey(file, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	able, ok := secret.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: signing with algorithm %s is not supported", path, dns.AlgorithmToString[public.Algorithm])
	}
	return able, nil
}

// try signs the key with itself, and verifies that as a validator does.
func (k signingKey) try() (err error) {
	defer func() {
		if recover() != nil { // a key that lacks numbers is read without an error
			err = errors.New("the file is damaged")
		}
	}()
	set := []dns.RR{k.public}
	sig := &dns.RRSIG{KeyTag: k.tag, SignerName: k.public.Hdr.Name, Algorithm: k.public.Algorithm}
	if err := sig.Sign(k.private, set); err != nil {
		return err
	}
	return sig.Verify(k.public, set)
}

// completed adds those of the others whose algorithm is missing among the keys, because every algorithm among a
// zone's keys signs every record set (RFC 4035, section 2.2).
func completed(keys, others []signingKey) []signingKey {
	all := slices.Clone(keys)
	for _, k := range others {
		if !slices.ContainsFunc(keys, func(o signingKey) bool { return o.public.Algorithm == k.public.Algorithm }) {
			all = append(all, k)
		}
	}
	return all
}

// signed returns the zones of the block that have a key.
func (s *stanza) signed() (zones []string) {
	for _, zone := range s.zones {
		if slices.ContainsFunc(s.keys, func(k signingKey) bool { return strings.EqualFold(k.public.Hdr.Name, zone) }) {
			zones = append(zones, zone)
		}
	}
	return zones
}
