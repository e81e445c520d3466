package controlplane

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Member is a cluster of the federation.
type Member struct {
	Name string
	// Region, Zone and Provider are "" if unset.
	Region, Zone, Provider string
	Annotations            map[string]string
}

// startMember starts a cluster whose Deployments become ready by themselves.
func (p *Plane) startMember(ctx context.Context, m *Member) error {
	kubeconfig := p.Kubeconfig(m.Name)
	api := m.Name + "/apiserver"
	if err := p.ca.kubeconfig(kubeconfig, p.url(api), p.ca.admin()); err != nil {
		return err
	}
	if err := p.run(ctx, p.apiserver(api, "--token-auth-file="+p.path("pki", "tokens.csv"))); err != nil {
		return err
	}
	err := p.runAll(ctx,
		p.kubernetes(m.Name+"/controller-manager", "kube-controller-manager", kubeconfig,
			"--controllers=namespace,garbagecollector,deployment,replicaset,statefulset,endpointslice,resourcequota",
			"--service-account-private-key-file="+p.ca.keyOf("sa")),
		p.kubernetes(m.Name+"/scheduler", "kube-scheduler", kubeconfig),
		p.component(m.Name+"/kwok", "kwok", "http://"+p.addr(m.Name+"/kwok")+"/healthz", "--kubeconfig="+kubeconfig, "--server-address="+p.addr(m.Name+"/kwok"), "--manage-all-nodes=true",
			"--config="+p.o.Programs.file("node.yaml"), "--config="+p.o.Programs.file("pod-ready.yaml"), "--config="+p.o.Programs.file("pod-delete.yaml")),
	)
	if err != nil {
		return err
	}
	_, err = p.Kubectl(ctx, m.Name, node, "apply", "--server-side", "-f", "-")
	return err
}

// node is the only node of a member; kwok reports its pods as running.
const node = `apiVersion: v1
kind: Node
metadata: {name: node, labels: {kubernetes.io/os: linux, kubernetes.io/arch: amd64, kubernetes.io/hostname: node}}
status:
  allocatable: {cpu: "64", memory: 256Gi, pods: "1000"}
  capacity: {cpu: "64", memory: 256Gi, pods: "1000"}
`

// join registers the members and waits until Karmada finds them ready.
func (p *Plane) join(ctx context.Context) error {
	begin := time.Now()
	for i := range p.o.Members {
		if err := p.Join(ctx, p.o.Members[i].Name); err != nil {
			return err
		}
	}
	for _, m := range p.o.Members {
		if err := p.WaitReady(ctx, m.Name, true); err != nil {
			return err
		}
	}
	p.logged(fmt.Sprintf("%d members have joined", len(p.o.Members)), begin)
	return nil
}

// member is the one of that name.
func (p *Plane) member(name string) (Member, error) {
	for _, m := range p.o.Members {
		if m.Name == name {
			return m, nil
		}
	}
	return Member{}, fmt.Errorf("controlplane: no member %q", name)
}

// Join registers a member with Karmada; deleting its Cluster ends that.
func (p *Plane) Join(ctx context.Context, name string) error {
	m, err := p.member(name)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(p.CA())
	if err != nil {
		return err
	}
	annotations, err := json.Marshal(m.Annotations)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(joining, m.Name, base64.StdEncoding.EncodeToString(ca), p.token, p.url(m.Name+"/apiserver"), m.Region, m.Zone, m.Provider, annotations)
	// The server of the Cluster API may have just started.
	return wait.PollUntilContextCancel(ctx, 10*readyPoll, true, func(ctx context.Context) (bool, error) {
		// Under its own field manager, as in karmadactl: a later apply of annotations must not remove what this
		// wrote.
		_, err := p.Kubectl(ctx, "", text, "apply", "--server-side", "--field-manager=controlplane", "-f", "-")
		return err == nil, ctx.Err()
	})
}

const joining = `apiVersion: v1
kind: Secret
metadata: {name: %[1]s, namespace: karmada-cluster}
data: {caBundle: %[2]s}
stringData: {token: %[3]s}
---
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata:
  name: %[1]s
  annotations: %[8]s
spec:
  syncMode: Push
  apiEndpoint: %[4]s
  secretRef: {name: %[1]s, namespace: karmada-cluster}
  impersonatorSecretRef: {name: %[1]s, namespace: karmada-cluster}
  region: %[5]q
  zones: [%[6]q]
  provider: %[7]q
`

// Pull makes a member's own agent register it and pull from Karmada, whereas with Join Karmada pushes. The agent is
// the component NAME/agent. To end that, delete the member's Cluster and then kill the agent.
func (p *Plane) Pull(ctx context.Context, name string) error {
	m, err := p.member(name)
	if err != nil {
		return err
	}
	health := p.addr(name + "/agent")
	args := []string{"--karmada-kubeconfig=" + p.Kubeconfig(""), "--kubeconfig=" + p.Kubeconfig(name),
		"--cluster-name=" + name, "--cluster-region=" + m.Region, "--cluster-zones=" + m.Zone, "--cluster-provider=" + m.Provider,
		"--report-secrets=None", // nobody uses them to reach the member
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=" + health}
	if p.o.Hasty {
		args = append(args, "--cluster-status-update-frequency=1s", "--cluster-failure-threshold=2s", "--cluster-success-threshold=1s", "--cluster-lease-duration=4s")
	}
	return p.run(ctx, p.component(name+"/agent", "agent", "http://"+health+"/healthz", args...))
}

// WaitReady waits until Karmada finds the member's API ready, or not.
func (p *Plane) WaitReady(ctx context.Context, member string, ready bool) error {
	want := "False"
	if ready {
		want = "True"
	}
	var last string
	err := wait.PollUntilContextCancel(ctx, 4*readyPoll, true, func(ctx context.Context) (bool, error) {
		var err error
		last, err = p.Kubectl(ctx, "", "", "get", "cluster", member, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return err == nil && last == want, nil
	})
	if err != nil {
		return fmt.Errorf("cluster %s: Ready is %q, want %q: %w", member, last, want, err)
	}
	return nil
}

// ThreeMembers are three clusters of the lab's federation.
var ThreeMembers = []Member{
	{Name: "de-wide", Region: "de", Zone: "fra", Provider: "wide", Annotations: map[string]string{"nearcast.dev/coordinates": "50.11,8.68"}},
	{Name: "hpc-kube", Region: "mk", Zone: "skopje", Provider: "tight", Annotations: map[string]string{"nearcast.dev/coordinates": "42.00,21.43"}},
	{Name: "us-azure", Region: "us", Zone: "east", Provider: "tight", Annotations: map[string]string{"nearcast.dev/coordinates": "37.37,-79.82"}},
}
