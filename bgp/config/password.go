package config

import (
	"fmt"
	"os"
	"strings"
)

// maxPassword is the kernel's limit (TCP_MD5SIG_MAXKEYLEN).
const maxPassword = 80

// readPassword reads PasswordFile into Password.
func (p *Peer) readPassword() error {
	if p.PasswordFile == "" {
		return nil
	}
	raw, err := os.ReadFile(p.PasswordFile)
	if err != nil {
		return err
	}
	key := strings.TrimRight(string(raw), "\r\n")
	if key == "" || len(key) > maxPassword {
		return fmt.Errorf("%s contains %d characters; a key has 1 to %d", p.PasswordFile, len(key), maxPassword)
	}
	p.Password = Secret(key)
	return nil
}

// Secret is a string that is never shown.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides it from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
