package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options configure a control plane.
type Options struct {
	Programs Programs
	// Dir is the directory for all its files. It must not exist, unless another control plane left it, and is
	// removed by Close.
	Dir     string
	Members []Member
	// Hasty makes Karmada notice within seconds what takes half a minute by default: that a member is gone or back,
	// and that an eviction is over.
	Hasty bool
	// Log receives progress messages; nil for none.
	Log io.Writer
}

// Plane is a running control plane with its members. It is safe for concurrent
// use.
type Plane struct {
	o          Options
	ca         *authority
	client     *http.Client
	token      string // of the members' administrator
	components map[string]*component
	order      []*component // as they were started
	mu         sync.Mutex
	ports      map[string]int
	lock       *os.File
}

// The components of the control plane. Those of a member are MEMBER/apiserver,
// MEMBER/controller-manager, MEMBER/scheduler and MEMBER/kwok.
const (
	Etcd                  = "etcd"
	APIServer             = "apiserver"
	AggregatedAPIServer   = "aggregated-apiserver"
	Webhook               = "webhook"
	ControllerManager     = "controller-manager"
	Scheduler             = "scheduler"
	KubeControllerManager = "kube-controller-manager"
)

// Start starts a control plane and joins the members to it. On an error nothing is left running, but the directory
// stays for its logs.
func Start(ctx context.Context, o Options) (*Plane, error) {
	if err := o.Programs.Check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	p := &Plane{o: o, components: map[string]*component{}, ports: map[string]int{}}
	if err := p.start(ctx); err != nil {
		p.stopAll()
		return nil, fmt.Errorf("controlplane: %w", err)
	}
	return p, nil
}

func (p *Plane) start(ctx context.Context) error {
	if err := p.claim(); err != nil {
		return err
	}
	if err := p.secrets(); err != nil {
		return err
	}
	if err := p.reserve(); err != nil {
		return err
	}
	if err := p.run(ctx, p.etcd()); err != nil {
		return err
	}
	var all errgroup.Group
	all.Go(func() error { return p.startKarmada(ctx) })
	for i := range p.o.Members {
		all.Go(func() error { return p.startMember(ctx, &p.o.Members[i]) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return p.join(ctx)
}

func (p *Plane) path(parts ...string) string {
	return filepath.Join(append([]string{p.o.Dir}, parts...)...)
}

func (p *Plane) addr(name string) string { return fmt.Sprintf("127.0.0.1:%d", p.ports[name]) }
func (p *Plane) url(name string) string  { return "https://" + p.addr(name) }

// Kubeconfig returns the kubeconfig with all permissions on the Karmada API, or on a member's.
func (p *Plane) Kubeconfig(member string) string {
	if member == "" {
		return p.path("karmada.kubeconfig")
	}
	return p.path(member + ".kubeconfig")
}

// CA returns the file of the authority that signs all server certificates.
func (p *Plane) CA() string { return p.ca.crt("ca") }

// Programs returns the programs that it runs.
func (p *Plane) Programs() Programs { return p.o.Programs }

// Webhooks returns the file that registers Karmada's webhooks.
func (p *Plane) Webhooks() string { return p.path("webhook-configuration.yaml") }

// Server returns the URL of the Karmada API.
func (p *Plane) Server() string { return p.url(APIServer) }

// component prepares a program; run starts it.
func (p *Plane) component(name, program, ready string, args ...string) *component {
	c := &component{name: name, ready: ready}
	c.Program, c.Args = p.o.Programs.bin(program), args
	c.Log = p.path(strings.ReplaceAll(name, "/", ".") + ".log")
	return c
}

func (p *Plane) run(ctx context.Context, c *component) error {
	p.mu.Lock()
	p.components[c.name] = c
	p.order = append(p.order, c)
	p.mu.Unlock()
	return c.start(ctx, p.client)
}

// runAll starts components concurrently, and waits until all are ready.
func (p *Plane) runAll(ctx context.Context, all ...*component) error {
	var starting errgroup.Group
	for _, c := range all {
		starting.Go(func() error { return p.run(ctx, c) })
	}
	return starting.Wait()
}

func (p *Plane) named(name string) (*component, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.components[name]
	if c == nil {
		return nil, fmt.Errorf("controlplane: unknown component %q; known components: %s", name, strings.Join(slices.Sorted(maps.Keys(p.components)), ", "))
	}
	return c, nil
}

// Signal sends a signal to a component: SIGSTOP makes it unresponsive until SIGCONT.
func (p *Plane) Signal(name string, signal syscall.Signal) error {
	c, err := p.named(name)
	if err == nil {
		c.Signal(signal)
	}
	return err
}

// Kill ends a component like a crash.
func (p *Plane) Kill(name string) error {
	c, err := p.named(name)
	if err == nil {
		c.Stop(syscall.SIGKILL)
	}
	return err
}

// Restart starts a component that was killed, and waits until it is ready.
func (p *Plane) Restart(ctx context.Context, name string) error {
	c, err := p.named(name)
	if err != nil {
		return err
	}
	return c.start(ctx, p.client)
}

// Kubectl runs kubectl on the Karmada API, or on a member's, with input, and
// returns what it printed.
func (p *Plane) Kubectl(ctx context.Context, member, input string, args ...string) (string, error) {
	return p.KubectlAs(ctx, p.Kubeconfig(member), input, args...)
}

// KubectlAs is Kubectl with the caller's kubeconfig.
func (p *Plane) KubectlAs(ctx context.Context, kubeconfig, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.o.Programs.Kubectl(), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+p.o.Dir) // for its discovery cache
	cmd.Stdin = strings.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.String(), nil
}

// Close stops everything and removes the directory.
func (p *Plane) Close() error {
	p.stopAll()
	p.lock.Close()
	return os.RemoveAll(p.o.Dir)
}

func (p *Plane) stopAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var stopping sync.WaitGroup
	for _, c := range p.order {
		// Nothing of it is kept, so the order does not matter.
		stopping.Go(func() { c.Stop(syscall.SIGKILL) })
	}
	stopping.Wait()
}

// logged logs what is done and how long it took.
func (p *Plane) logged(what string, since time.Time) {
	fmt.Fprintf(p.o.Log, "controlplane: %s after %.1f s\n", what, time.Since(since).Seconds())
}
