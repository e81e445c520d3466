package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/bgp/gobgp"
	"github.com/nearcast/nearcast/internal/base/admin"
)

// ground is a machine with a router, a backend and a small disk, on which speakers run one after
// the other.
type ground struct {
	router  *gobgp.Router
	backend *httptest.Server
	sick    atomic.Bool
	dir     string
	port    uint16 // of the router
}

const (
	routerAt, speakerAt = "127.0.0.1", "127.0.0.11"
	// slack is the time that a loaded machine may take for what is normally instant.
	slack = 20 * time.Second
)

func newGround(t *testing.T) *ground {
	t.Helper()
	g := &ground{dir: t.TempDir(), port: 1790}
	g.backend = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if g.sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(g.backend.Close)
	for _, dir := range []string{g.state(), g.path("run")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("tmpfs", g.state(), "tmpfs", 0, diskSize); err != nil {
		t.Skipf("SKIPPED: cannot mount a disk for the test: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(g.state(), unix.MNT_DETACH) }) // at the latest, it disappears with the namespace
	return g
}

// reroute starts a new router, which does not delay a neighbour that has just left.
func (g *ground) reroute() (err error) {
	if g.router != nil {
		g.router.Close()
	}
	g.port++
	at := netip.AddrPortFrom(netip.MustParseAddr(routerAt), g.port)
	g.router, err = gobgp.NewRouter(context.Background(), 64500, at, map[netip.Addr]uint32{netip.MustParseAddr(speakerAt): 64512}, quiet)
	return err
}

const diskSize = "size=64k"

func (g *ground) path(name string) string { return filepath.Join(g.dir, name) }
func (g *ground) state() string           { return g.path("state") }
func (g *ground) socket() string          { return g.path("run/bgp.sock") }
func (g *ground) drains() string          { return filepath.Join(g.state(), "bgp-drains.json") }

// process is a running speaker.
type process struct {
	cmd   *exec.Cmd
	log   *bytes.Buffer // after the exit
	ended chan error
}

func (g *ground) run() (*process, error) {
	p := &process{cmd: exec.Command(os.Args[0], "--config", g.path("speaker.yaml")), log: &bytes.Buffer{}, ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), asSpeaker+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p, nil
}

// awaits returns how the process exited, or an error if it did not exit in time.
func (p *process) awaits(most time.Duration) error {
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(most):
		return fmt.Errorf("the process does not exit within %s", most)
	}
}

func (p *process) hasEnded() bool {
	select {
	case err := <-p.ended:
		p.ended <- err
		return true
	default:
		return false
	}
}

// table returns the router's prefixes.
func (g *ground) table() ([]string, error) {
	routes, err := g.router.Table()
	var all []string
	for _, r := range routes {
		all = append(all, strings.TrimSuffix(r.Prefix, "/32"))
	}
	return all, err
}

// bound returns the VIPs that lo has.
func (g *ground) bound() (all []string, err error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	addrs, err := netlink.AddrList(lo, netlink.FAMILY_ALL)
	for _, a := range addrs {
		if slices.Contains(everyVIP, a.IP.String()) {
			all = append(all, a.IP.String())
		}
	}
	return all, err
}

// flush removes every VIP from lo, as another program might.
func (g *ground) flush() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	addrs, err := netlink.AddrList(lo, netlink.FAMILY_ALL)
	for _, a := range addrs {
		if slices.Contains(everyVIP, a.IP.String()) {
			err = errors.Join(err, netlink.AddrDel(lo, &a))
		}
	}
	return err
}

// everyVIP are the addresses in the file. The router accepts no IPv6 routes.
var everyVIP = []string{"198.51.100.53", "198.51.100.54", "2001:db8:53::53"}

func (g *ground) call(method, path string, query url.Values) (st bgp.Status, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), slack)
	defer cancel()
	err = admin.Call(ctx, g.socket(), method, path, query, &st)
	return st, err
}

// remount makes the disk read-only or writable.
func (g *ground) remount(readOnly bool) error {
	flags := uintptr(unix.MS_REMOUNT)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("tmpfs", g.state(), "tmpfs", flags, diskSize)
}

// fill fills the disk.
func (g *ground) fill() error {
	if err := os.WriteFile(filepath.Join(g.state(), "fill"), make([]byte, 1<<20), 0o600); err == nil {
		return errors.New("a disk of 64 KiB takes 1 MiB")
	}
	return nil
}

func (g *ground) empty() error {
	err := os.Remove(filepath.Join(g.state(), "fill"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// eventually retries until f succeeds, and returns its last error if it does not.
func eventually(most time.Duration, try func() error) error {
	for end := time.Now().Add(most); ; time.Sleep(10 * time.Millisecond) {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
