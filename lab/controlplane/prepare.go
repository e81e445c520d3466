package controlplane

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// claim makes the directory. It removes one that an ended control plane left: its lock file exists, but nothing
// holds the lock.
func (p *Plane) claim() (err error) {
	if _, err := os.Stat(p.path("lock")); err == nil {
		if p.lock, err = lock(p.path("lock")); err != nil {
			return fmt.Errorf("another control plane runs in %s: %w", p.o.Dir, err)
		}
		p.lock.Close()
		if err := os.RemoveAll(p.o.Dir); err != nil {
			return err
		}
	}
	if err := os.Mkdir(p.o.Dir, 0o700); err != nil {
		return err
	}
	p.lock, err = lock(p.path("lock"))
	return err
}

// lock locks a file for as long as this process lives.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// secrets makes the credentials of the components.
func (p *Plane) secrets() (err error) {
	if p.ca, err = newAuthority(p.path("pki")); err != nil {
		return err
	}
	p.token = fmt.Sprintf("member-%x", p.ca.cert.SerialNumber)
	err = errors.Join(
		p.ca.client("admin", "admin", "system:masters"),
		p.ca.client("front-proxy", "front-proxy-client", ""),
		p.ca.server("server"),
		p.ca.server("aggregated", "karmada-aggregated-apiserver.karmada-system.svc"),
		p.ca.server("sa"),
		os.WriteFile(p.path("pki", "tokens.csv"), []byte(p.token+`,admin,1,"system:masters"`+"\n"), 0o600),
		os.Mkdir(p.path("pki", "webhook"), 0o700),
	)
	if err != nil {
		return err
	}
	for to, from := range map[string]string{"tls.crt": p.ca.crt("server"), "tls.key": p.ca.keyOf("server")} {
		if err := copyTree(from, p.path("pki", "webhook", to), strings.NewReplacer()); err != nil {
			return err
		}
	}
	pair, err := tls.LoadX509KeyPair(p.ca.crt("admin"), p.ca.keyOf("admin"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.ca.cert)
	p.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
		DisableKeepAlives: true, // a restarted component is polled again
	}}
	return nil
}

// reserve finds a port for everything that listens. It stays the same across restarts.
func (p *Plane) reserve() error {
	names := []string{Etcd, "etcd-peer", APIServer, AggregatedAPIServer, Webhook, KubeControllerManager, "controller-manager-health", "scheduler-health"}
	for _, m := range p.o.Members {
		for _, part := range []string{"apiserver", "controller-manager", "scheduler", "kwok", "agent"} {
			names = append(names, m.Name+"/"+part)
		}
	}
	for _, name := range names {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close() // only when all have one; otherwise two could get the same
		p.ports[name] = listener.Addr().(*net.TCPAddr).Port
	}
	return nil
}
