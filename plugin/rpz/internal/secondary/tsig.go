package secondary

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"github.com/miekg/dns"
)

// Key is a TSIG key.
type Key struct {
	// Name is the name of the key, and Algorithm one of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 and
	// hmac-sha512.
	Name, Algorithm string
	// Secret is in base64.
	Secret string
}

// hashes are the algorithms of RFC 8945 except MD5, which must not be used.
var hashes = map[string]func() hash.Hash{
	dns.HmacSHA1: sha1.New, dns.HmacSHA224: sha256.New224, dns.HmacSHA256: sha256.New, dns.HmacSHA384: sha512.New384, dns.HmacSHA512: sha512.New,
}

// secret checks the key and returns its secret.
func (k *Key) secret() ([]byte, error) {
	if _, ok := dns.IsDomainName(k.Name); !ok || k.Name == "" {
		return nil, fmt.Errorf("%q is not a key name", k.Name)
	}
	if hashes[dns.CanonicalName(k.Algorithm)] == nil {
		return nil, fmt.Errorf("the algorithm %q of the key %s must be one of hmac-sha1, -sha224, -sha256, -sha384, -sha512", k.Algorithm, k.Name)
	}
	secret, err := base64.StdEncoding.DecodeString(k.Secret)
	if err != nil || len(secret) == 0 {
		return nil, fmt.Errorf("the secret of the key %s is not base64", k.Name) // it must not be shown
	}
	return secret, nil
}

// fudge is the allowed clock difference, in seconds, as recommended by RFC 8945, section 10.
const fudge = 300

// sign packs a request and returns the chain that verifies its answer. Without a key it signs nothing.
func (k *Key) sign(m *dns.Msg) ([]byte, *chain, error) {
	if k == nil {
		raw, err := m.Pack()
		return raw, nil, err
	}
	secret, err := k.secret()
	if err != nil {
		return nil, nil, err
	}
	m.SetTsig(dns.CanonicalName(k.Name), dns.CanonicalName(k.Algorithm), fudge, time.Now().Unix())
	raw, mac, err := dns.TsigGenerate(m, k.Secret, "", false)
	if err != nil {
		return nil, nil, err
	}
	decoded, err := hex.DecodeString(mac)
	if err != nil {
		return nil, nil, err
	}
	c := &chain{key: k, secret: secret, first: true}
	c.begin(decoded)
	return raw, c, nil
}

// maxUnsigned is how many messages in a row may be unsigned (RFC 8945, section 5.3.1). The first and the last must
// be signed.
const maxUnsigned = 99

// chain verifies the messages of one answer: each signature also covers the signature before it and the unsigned
// messages between the two. The nil chain is for an answer without signatures.
//
// The dns package verifies only answers in which each message is signed, which primaries need not do, and does not
// require the last one to be signed.
type chain struct {
	key      *Key
	secret   []byte
	mac      hash.Hash
	first    bool
	unsigned int
}

// begin starts the digest of the next signature with the last one.
func (c *chain) begin(last []byte) {
	c.mac = hmac.New(hashes[dns.CanonicalName(c.key.Algorithm)], c.secret)
	c.mac.Write(binary.BigEndian.AppendUint16(nil, uint16(len(last))))
	c.mac.Write(last)
	c.unsigned = 0
}

// verify checks the next message, or adds it to the next signature.
func (c *chain) verify(m *message) error {
	switch {
	case c == nil && m.tsig == nil:
		return nil
	case c == nil:
		return fail(BadKey, "the answer is signed with the key %s, but no key is configured", m.tsig.Hdr.Name)
	case m.tsig != nil:
		return c.verifySigned(m)
	case c.first:
		return fail(BadKey, "the answer is not signed")
	case c.unsigned == maxUnsigned:
		return fail(BadKey, "more than %d messages in a row are not signed", maxUnsigned)
	}
	c.unsigned++
	c.mac.Write(m.raw)
	return nil
}

func (c *chain) verifySigned(m *message) error {
	t := m.tsig
	if code := int(t.Error); code != dns.RcodeSuccess {
		return fail(BadKey, "the primary rejects the signature of the request: %s", dns.RcodeToString[code])
	}
	if dns.CanonicalName(t.Hdr.Name) != dns.CanonicalName(c.key.Name) || dns.CanonicalName(t.Algorithm) != dns.CanonicalName(c.key.Algorithm) {
		return fail(BadKey, "the answer is signed with the key %s (%s), not %s (%s)", t.Hdr.Name, t.Algorithm, c.key.Name, c.key.Algorithm)
	}
	mac, err := hex.DecodeString(t.MAC)
	if err != nil {
		return fail(BadKey, "the answer's signature cannot be read: %w", err)
	}
	c.digest(m)
	if !hmac.Equal(c.mac.Sum(nil), mac) {
		return fail(BadKey, "the answer's signature is wrong")
	}
	if off := time.Since(time.Unix(int64(t.TimeSigned), 0)).Abs(); off > time.Duration(t.Fudge)*time.Second {
		return fail(BadKey, "the answer's signing time is %s away from this clock, but only %d s are allowed", off.Round(time.Second), t.Fudge)
	}
	c.begin(mac)
	c.first = false
	return nil
}

// digest adds a signed message as in RFC 8945, section 4.3.3: the message without the signature, then the
// signature's variables, of which only the timers follow after the first signature.
func (c *chain) digest(m *message) {
	t := m.tsig
	head := [headerSize]byte(m.raw)
	binary.BigEndian.PutUint16(head[0:], t.OrigId)
	binary.BigEndian.PutUint16(head[10:], binary.BigEndian.Uint16(head[10:])-1)
	c.mac.Write(head[:])
	c.mac.Write(m.raw[headerSize:m.tsigAt])
	timers := binary.BigEndian.AppendUint64(nil, t.TimeSigned)[2:]
	timers = binary.BigEndian.AppendUint16(timers, t.Fudge)
	if !c.first {
		c.mac.Write(timers)
		return
	}
	v := appendName(nil, t.Hdr.Name)
	v = binary.BigEndian.AppendUint16(v, dns.ClassANY)
	v = binary.BigEndian.AppendUint32(v, t.Hdr.Ttl)
	v = append(appendName(v, t.Algorithm), timers...)
	v = binary.BigEndian.AppendUint16(v, t.Error)
	v = binary.BigEndian.AppendUint16(v, t.OtherLen)
	other, _ := hex.DecodeString(t.OtherData) // the message was made from octets
	c.mac.Write(append(v, other...))
}

// appendName appends a name from a received message, so it packs.
func appendName(b []byte, name string) []byte {
	wire := make([]byte, 255)
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire, 0, nil, false)
	if err != nil {
		return b
	}
	return append(b, wire[:n]...)
}

// end returns an error if the answer ends unsigned.
func (c *chain) end() error {
	if c != nil && c.unsigned > 0 {
		return fail(BadKey, "the last %d messages are not signed", c.unsigned)
	}
	return nil
}
