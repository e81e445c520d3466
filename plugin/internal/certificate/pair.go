package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"
)

// pair is a certificate with its key.
type pair struct {
	Files
	current atomic.Pointer[tls.Certificate]
	// said is the last logged fault of the files, so that each is logged once. It belongs to the watching
	// goroutine.
	said string
}

func newPair(of Files, loaded *tls.Certificate) *pair {
	p := &pair{Files: of}
	p.use(loaded)
	return p
}

// get returns the certificate for a handshake.
func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.current.Load(), nil }

func (p *pair) use(cert *tls.Certificate) {
	p.current.Store(cert)
	notAfter.WithLabelValues(p.Cert).Set(float64(cert.Leaf.NotAfter.Unix()))
}

// reload uses the certificate in the files if it differs and is valid.
func (p *pair) reload() {
	cert, err := load(p.Files, time.Now())
	switch {
	case err != nil:
		p.refuse(err)
	case !bytes.Equal(cert.Leaf.Raw, p.current.Load().Leaf.Raw):
		p.use(cert)
		p.said = ""
		loads.WithLabelValues(p.Cert, "used").Inc()
	default:
		p.said = ""
	}
}

func (p *pair) refuse(err error) {
	if err.Error() == p.said {
		return
	}
	p.said = err.Error()
	loads.WithLabelValues(p.Cert, "refused").Inc()
	log.Errorf("%v; keeping the previous certificate, valid until %s", err, p.current.Load().Leaf.NotAfter.Format(time.DateTime))
}

// Read returns the certificate of the files if it is usable now.
func Read(of Files, now time.Time) (*x509.Certificate, error) {
	cert, err := load(of, now)
	if err != nil {
		return nil, err
	}
	return cert.Leaf, nil
}

// load reads a certificate that is usable now. An error names the files.
func load(of Files, now time.Time) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(of.Cert, of.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", of.Cert, of.Key, err)
	}
	switch leaf := cert.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("certificate %s: expired on %s", of.Cert, leaf.NotAfter.Format(time.DateTime))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("certificate %s: not valid before %s", of.Cert, leaf.NotBefore.Format(time.DateTime))
	}
	return &cert, nil
}
