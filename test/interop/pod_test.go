package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/lab/process"
)

// variants are the directories of the manifests.
const variants = "../../manifests/nearcast"

// pod runs the containers of a manifest on a node as the kubelet would: with their
// arguments, environment and capabilities. Their files are in a directory of the test.
type pod struct {
	node  *node
	spec  corev1.PodSpec
	here  *strings.Replacer // paths of the containers → of the test
	facts map[string]string // what the kubelet knows, by field
}

// podOn prepares the pod of a variant on a node. Its federation is a directory instead
// of Karmada, its Services are not read, and its router is the network's.
func podOn(n *node, address, variant string) *pod {
	n.t.Helper()
	// The fields read here are the same in a DaemonSet and a Deployment.
	var set appsv1.Deployment
	text, err := os.ReadFile(filepath.Join(variants, variant, variant+".yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &set)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	p := &pod{
		node: n, spec: set.Spec.Template.Spec,
		facts: map[string]string{"status.hostIP": address, "spec.nodeName": n.name, "metadata.namespace": set.Namespace, "cluster": "s1"},
	}
	p.here = strings.NewReplacer("karmada /etc/nearcast/karmada/kubeconfig", "manifests "+p.dir("federation"),
		"/etc/nearcast", p.dir("etc"), "/var/lib/nearcast", p.dir("var"), "/run/nearcast", p.dir("run"), "/usr/local/bin", bin,
		"enabled: true", "enabled: false", "192.0.2.254", routerID)
	for _, name := range []string{variant + "/Corefile", variant + "/speaker.yaml", "base/locations.csv"} {
		text, err := os.ReadFile(filepath.Join(variants, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // the Deployment has no speaker
		} else if err != nil {
			n.t.Fatal(err)
		}
		fixture.Write(n.t, filepath.Join(p.dir("etc"), filepath.Base(name)), p.here.Replace(string(text)))
	}
	fixture.Write(n.t, filepath.Join(p.dir("federation"), "cluster.yaml"), "apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata: {name: s1}\n")
	return p
}

// dir returns a directory of the pod that its user may write to.
func (p *pod) dir(name string) string {
	p.node.t.Helper()
	path := filepath.Join(p.node.dir, name)
	err := os.MkdirAll(path, 0o755)
	if err == nil {
		// Temporary directories are accessible only to their owner.
		err = errors.Join(os.Chmod(bin, 0o755), os.Chmod(p.node.dir, 0o755), os.Chown(path, int(*p.spec.SecurityContext.RunAsUser), -1))
	}
	if err != nil {
		p.node.t.Fatal(err)
	}
	return path
}

// container returns a program for a container.
func (p *pod) container(c corev1.Container) *process.Process {
	p.node.t.Helper()
	security := c.SecurityContext
	bounds := "--bounding-set=-all"
	for _, capability := range security.Capabilities.Add {
		bounds += ",+" + strings.ToLower(string(capability))
	}
	user, group := *p.spec.SecurityContext.RunAsUser, *p.spec.SecurityContext.RunAsGroup
	command := []string{"setpriv", "--inh-caps=-all", bounds, fmt.Sprintf("--reuid=%d", user), fmt.Sprintf("--regid=%d", group), "--clear-groups"}
	if !*security.AllowPrivilegeEscalation {
		command = append(command, "--no-new-privs")
	}
	command = append(command, "env")
	for _, e := range c.Env {
		command = append(command, e.Name+"="+p.value(c, e))
	}
	entry := c.Command
	if len(entry) == 0 { // the image's
		entry = []string{"/usr/local/bin/coredns"}
		if strings.Contains(c.Image, "speaker") {
			entry = []string{"/usr/local/bin/nearcast-speaker"}
		}
	}
	for _, word := range append(entry, c.Args...) {
		command = append(command, p.here.Replace(word))
	}
	return p.node.program(c.Name, command...)
}

// value is what the kubelet makes of a variable.
func (p *pod) value(c corev1.Container, e corev1.EnvVar) string {
	p.node.t.Helper()
	switch from := e.ValueFrom; {
	case from == nil:
		return e.Value
	case from.FieldRef != nil:
		return p.facts[from.FieldRef.FieldPath]
	case from.ConfigMapKeyRef != nil:
		return p.facts[from.ConfigMapKeyRef.Key]
	}
	p.node.t.Fatalf("%s: unknown field %s", c.Name, e.Name)
	return ""
}

// passes runs a probe of the container.
func (p *pod) passes(c corev1.Container, probe *corev1.Probe) error {
	port := probe.HTTPGet.Port.IntValue()
	for _, named := range c.Ports {
		if named.Name == probe.HTTPGet.Port.StrVal {
			port = int(named.ContainerPort)
		}
	}
	host := probe.HTTPGet.Host
	if host == "" {
		host = p.facts["status.hostIP"]
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
		err = p.node.Do(func() error { conn, err = net.DialTimeout(network, address, time.Second); return err })
		return conn, err
	}}}
	response, err := client.Get(fmt.Sprintf("http://%s:%d%s", host, port, probe.HTTPGet.Path))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// TestTheDaemonSetsPodStartsAndStopsInOrder starts the pod of manifests/nearcast as
// far as it can be without a kubelet, and ends it as one would.
func TestTheDaemonSetsPodStartsAndStopsInOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits for dwells")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	n := newNetwork(t)
	if err := fixture.Build(bin, "coredns"); err != nil {
		t.Fatal(err)
	}
	l, r, node := n.lan("lan"), n.node("r1"), n.node("s1")
	l.join(r, routerID+"/24")
	const address = "192.0.2.11"
	l.join(node, address+"/24")
	node.via(routerID)
	route, bound := watch(r, prefix(vip4)), node.bound(vip4)
	startBIRD(r, birdConfig(neighbour{address: address, asn: 64512}))

	p := podOn(node, address, "daemonset")
	bind, coredns, speaker := p.spec.InitContainers[0], p.spec.InitContainers[1], p.spec.Containers[0]
	if *coredns.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Fatal("CoreDNS is not a sidecar: it would stop with the speaker")
	}
	begin := time.Now()
	first := p.container(bind)
	node.run(first)
	bound.becomes(begin, slack, vip4)
	eventually(t, "the first container exited", slack, func() error { return hasEnded(first) })
	sidecar, main := p.container(coredns), p.container(speaker)
	node.run(sidecar)
	for what, probe := range map[string]*corev1.Probe{"alive": coredns.LivenessProbe, "ready": coredns.ReadinessProbe} {
		eventually(t, "CoreDNS is "+what, slack, func() error { return p.passes(coredns, probe) })
	}
	node.run(main)
	up := route.becomes(begin, slack, address)
	eventually(t, "the speaker is alive", slack, func() error { return p.passes(speaker, speaker.LivenessProbe) })

	// The cluster's own DNS, as manifests/nearcast/stub has it.
	r.run(r.program("stub", filepath.Join(bin, "coredns"), "-conf", filepath.Join(variants, "stub/nearcast.server")))
	eventually(t, "the cluster's own DNS queries it", slack, func() error {
		answered, err := r.asks("127.0.0.1", time.Second)
		if err == nil && answered != "ns."+zone {
			err = errors.New(answered)
		}
		return err
	})

	asked := r.stream(vip4, 50)
	time.Sleep(time.Second)
	begin = time.Now()
	main.Signal(syscall.SIGTERM)
	grace := time.Duration(*p.spec.TerminationGracePeriodSeconds) * time.Second
	gone := route.becomes(begin, grace)
	eventually(t, "the speaker has stopped in its grace period", grace, func() error { return hasEnded(main) })
	took := time.Since(begin)
	eventually(t, "CoreDNS, which must stop after the speaker, is alive", slack, func() error { return p.passes(coredns, coredns.LivenessProbe) })
	bound.becomes(begin, grace)
	sidecar.Stop(syscall.SIGTERM)
	result := asked.end()
	for _, at := range result.lost {
		if at.Before(begin.Add(gone)) {
			t.Errorf("a query was lost %s after SIGTERM, but the route was withdrawn after %s", at.Sub(begin), gone)
		}
	}
	t.Logf("announced %.1f s after the first container started; withdrawn %.1f s after SIGTERM, and stopped after %.1f s of %.0f s; none of %d queries was lost while there was a route",
		up.Seconds(), gone.Seconds(), took.Seconds(), grace.Seconds(), len(result.queries))
}

// TestTheDeploymentsPodNeedsNoPrivilege starts the other variant's container as its
// user, and asks it.
func TestTheDeploymentsPodNeedsNoPrivilege(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	n := newNetwork(t)
	if err := fixture.Build(bin, "coredns"); err != nil {
		t.Fatal(err)
	}
	l, node := n.lan("lan"), n.node("s1")
	const address = "192.0.2.11"
	l.join(node, address+"/24")
	p := podOn(node, address, "deployment")
	coredns := p.spec.Containers[0]
	if *p.spec.SecurityContext.RunAsUser == 0 {
		t.Fatal("it runs as root")
	}
	running := p.container(coredns)
	node.run(running)
	for what, probe := range map[string]*corev1.Probe{"alive": coredns.LivenessProbe, "ready": coredns.ReadinessProbe} {
		eventually(t, "CoreDNS is "+what, slack, func() error { return p.passes(coredns, probe) })
	}
	port := coredns.Ports[0]
	answered, err := node.asksAt(netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port.ContainerPort)), slack)
	if err != nil || answered != "ns."+zone {
		t.Errorf("port %s: %q, %v", port.Name, answered, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", running.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"Uid:\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), field) {
			t.Errorf("it started without %q:\n%s", field, status)
		}
	}
}

func hasEnded(p *process.Process) error {
	if p.Running() {
		return errors.New("it is still running")
	}
	return nil
}
