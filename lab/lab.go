package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/nearcast/nearcast/bgp/gobgp"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/lab/controlplane"
	"github.com/nearcast/nearcast/lab/process"
)

// Parts are the arguments of Fail and Heal; "" is all of them.
var Parts = []string{"functions", "dns", "speaker"}

// Options configure a lab.
type Options struct {
	// Dir is the lab's directory; it is removed at the end.
	Dir string
	// Bin has coredns, nearcast-speaker and the functions.
	Bin string
	// Workloads run in addition to those of the lab's own functions.
	Workloads []Workload
	// Karmada holds the programs of a real control plane, which is then the source; "" for files. Log receives
	// messages about its start.
	Karmada controlplane.Programs
	Log     io.Writer
}

// Lab is a running federation.
type Lab struct {
	paths   paths
	plane   *controlplane.Plane // nil if files are the source
	router  *gobgp.Router
	engine  *engine
	control *admin.Server
	members []*member
	changed sync.Mutex // serialises Fail and Heal
}

// member is one running site.
type member struct {
	Site
	dns, speaker process.Process
	backend      backend
}

// Start writes the directory and starts every site. On an error nothing is left running.
func Start(ctx context.Context, o Options) (*Lab, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l := &Lab{paths: paths{dir}}
	if longest := l.paths.admin("us-azure", "speaker"); len(longest) > admin.MaxPath {
		return nil, fmt.Errorf("lab: %s is longer than the %d characters that a socket's path may have; choose a shorter directory with --dir", longest, admin.MaxPath)
	}
	if err := free(); err != nil {
		return nil, err
	}
	if err := l.paths.claim(); err != nil {
		return nil, err
	}
	if err := l.paths.write(o.Karmada != ""); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if o.Karmada != "" {
		if err := l.startKarmada(ctx, o.Karmada, o.Log); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	if err := l.start(ctx, o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, o Options) (err error) {
	if l.engine, err = newEngine(ctx); err != nil {
		return err
	}
	peers := map[netip.Addr]uint32{}
	for _, s := range Sites {
		peers[s.SpeakerAddr] = s.ASN
		m, err := l.member(s, o)
		if err != nil {
			return err
		}
		l.members = append(l.members, m)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	l.router, err = gobgp.NewRouter(ctx, routerASN, netip.AddrPortFrom(routerAddr, routerPort), peers, quiet)
	if err != nil {
		return err
	}
	for _, m := range l.members {
		if err := m.heal(""); err != nil {
			return err
		}
	}
	l.control, err = admin.Listen(l.paths.control(), l.handler())
	return err
}

// member returns a site's programs, none of them running.
func (l *Lab) member(s Site, o Options) (*member, error) {
	m := &member{
		Site:    s,
		dns:     process.Process{Program: filepath.Join(o.Bin, "coredns"), Args: []string{"-conf", l.paths.corefile(s.Name)}, Log: l.paths.log(s.Name, "dns")},
		speaker: process.Process{Program: filepath.Join(o.Bin, "nearcast-speaker"), Args: []string{"--config", l.paths.speaker(s.Name)}, Log: l.paths.log(s.Name, "speaker")},
		backend: backend{cluster: s.Name, addr: s.Gateway, fallback: workloads[0].Name},
	}
	if !s.Gateway.IsValid() {
		return m, nil
	}
	var err error
	m.backend.runtimes, err = runtimesAt(s.Name, slices.Concat(workloads, o.Workloads), filepath.Join(o.Bin, "functions"), l.engine, l.paths.log(s.Name, "functions"))
	return m, err
}

// free returns an error for the first of the lab's addresses that is already in use.
func free() error {
	addrs := []string{netip.AddrPortFrom(routerAddr, routerPort).String()}
	for _, s := range Sites {
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", s.DNSPort))
		if s.Gateway.IsValid() {
			addrs = append(addrs, s.Gateway.String())
		}
	}
	for _, addr := range addrs {
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("lab: %w; is another lab running?", err)
		}
		listener.Close()
	}
	for _, s := range Sites {
		packets, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", s.DNSPort))
		if err != nil {
			return fmt.Errorf("lab: %w; is another lab running?", err)
		}
		packets.Close()
	}
	return nil
}

// Close stops everything and removes the directory.
func (l *Lab) Close() error {
	l.changed.Lock()
	defer l.changed.Unlock()
	if l.control != nil {
		l.control.Close()
	}
	var stopping sync.WaitGroup
	for _, m := range l.members {
		stopping.Go(func() { m.fail("", syscall.SIGTERM) })
	}
	stopping.Wait()
	if l.router != nil {
		l.router.Close()
	}
	if l.plane != nil {
		stopping.Go(func() { _ = l.plane.Close() }) // its directory is inside the lab's, and is removed with it
	}
	stopping.Wait()
	if l.engine != nil {
		_ = l.engine.close() // no instance is left
	}
	if err := os.RemoveAll(l.paths.dir); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// Fail breaks a part of a cluster, like a crash; "" is all of it.
func (l *Lab) Fail(cluster, part string) error {
	return l.change(cluster, part, func(m *member) error { m.fail(part, syscall.SIGKILL); return nil })
}

// Heal repairs a part of a cluster; "" is all of it.
func (l *Lab) Heal(cluster, part string) error {
	return l.change(cluster, part, func(m *member) error { return m.heal(part) })
}

func (l *Lab) change(cluster, part string, do func(*member) error) error {
	i := siteNamed(cluster)
	if i < 0 {
		var names []string
		for _, s := range Sites {
			names = append(names, s.Name)
		}
		return fmt.Errorf("unknown cluster %q; the lab has %s", cluster, strings.Join(names, ", "))
	}
	if part != "" && !slices.Contains(Parts, part) {
		return fmt.Errorf("unknown part %q; known parts: %s", part, strings.Join(Parts, ", "))
	}
	if part == "functions" && !Sites[i].Gateway.IsValid() {
		return fmt.Errorf("%s runs no functions", cluster)
	}
	l.changed.Lock()
	defer l.changed.Unlock()
	return do(l.members[i])
}

func (m *member) fail(part string, signal syscall.Signal) {
	// The speaker first: when it ends, it withdraws its routes before the service behind them is gone.
	if part == "" || part == "speaker" {
		m.speaker.Stop(signal)
	}
	if part == "" || part == "functions" {
		m.backend.stop()
	}
	if part == "" || part == "dns" {
		m.dns.Stop(signal)
	}
}

func (m *member) heal(part string) error {
	var errs []error
	if part == "" || part == "functions" {
		errs = append(errs, m.backend.start())
	}
	if part == "" || part == "dns" {
		errs = append(errs, m.dns.Start())
	}
	if part == "" || part == "speaker" {
		errs = append(errs, m.speaker.Start())
	}
	return errors.Join(errs...)
}

// Kubectl returns the command line for the Karmada API; "" if files are the source.
func (l *Lab) Kubectl() string {
	if l.plane == nil {
		return ""
	}
	return l.plane.Programs().Kubectl() + " --kubeconfig " + l.plane.Kubeconfig("")
}

// Manifests returns the directory of the federation's objects.
func (l *Lab) Manifests() string { return l.paths.manifests() }
