package outbound

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nearcast/nearcast/internal/base/regular"
)

// Trust says which certificates are trusted. The zero value trusts the system's authorities, for the name or the
// address of the server.
type Trust struct {
	// Name is what the certificate must be for, instead of the server's name.
	Name string
	// CA is a file of certificates in PEM that replace the system's authorities. It is read for each connection, so
	// it may change.
	CA string
	// Pins are as ParsePins returns them: the certificate's key must be one of them. With pins alone, nothing else
	// is required of the certificate (RFC 7858, section 4.2).
	Pins string
}

// ParsePins takes SHA-256 digests of keys (of a SubjectPublicKeyInfo in DER, as RFC
// 7858 and dig have them) in base64.
func ParsePins(pins []string) (string, error) {
	for _, pin := range pins {
		if sum, err := base64.StdEncoding.DecodeString(pin); err != nil || len(sum) != sha256.Size {
			return "", fmt.Errorf("%q is not the SHA-256 digest of a key in base64, which has 44 characters", pin)
		}
	}
	return strings.Join(pins, " "), nil
}

// Config returns the TLS configuration for a server, a name or an address.
func (t Trust) Config(server string) (*tls.Config, error) {
	c := &tls.Config{ServerName: server, MinVersion: tls.VersionTLS12}
	if t.Name != "" {
		c.ServerName = t.Name
	}
	if t.CA != "" {
		roots, err := readRoots(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = roots
	}
	if t.Pins != "" {
		c.InsecureSkipVerify = t.Name == "" && t.CA == "" // the pin is verified instead
		c.VerifyConnection = t.verifyPin
	}
	return c, nil
}

// Check reads the file of authorities.
func (t Trust) Check() error {
	if t.CA == "" {
		return nil
	}
	_, err := readRoots(t.CA)
	return err
}

// maxRoots bounds the file of authorities to several times what systems have.
const maxRoots = 4 << 20

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := regular.Read(file, maxRoots)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no PEM certificate", file)
	}
	return roots, nil
}

// ErrPin is wrapped if a server's key is not a pinned one.
var ErrPin = errors.New("the server's key matches no configured pin")

// verifyPin checks the key that the server has proved to have: the first certificate's.
func (t Trust) verifyPin(state tls.ConnectionState) error {
	sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	pin := base64.StdEncoding.EncodeToString(sum[:])
	if !slices.Contains(strings.Fields(t.Pins), pin) {
		return fmt.Errorf("%w: its digest is %s", ErrPin, pin)
	}
	return nil
}

// Distrusted reports whether a connection failed because of the server's certificate.
func Distrusted(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	return unverified || errors.Is(err, ErrPin)
}
