package controlplane

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func (p *Plane) etcd() *component {
	peer := "http://" + p.addr("etcd-peer")
	client := "http://" + p.addr(Etcd)
	return p.component(Etcd, "server", client+"/health",
		"--data-dir", p.path("etcd"), "--unsafe-no-fsync", "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
}

// apiserver is Karmada's or a member's kube-apiserver.
func (p *Plane) apiserver(name string, extra ...string) *component {
	return p.component(name, "kube-apiserver", p.url(name)+"/readyz", append([]string{
		"--etcd-servers=http://" + p.addr(Etcd), "--etcd-prefix=/" + name,
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(p.ports[name]),
		"--advertise-address=192.0.2.1", // it must not be loopback; it is not used
		"--authorization-mode=RBAC", "--client-ca-file=" + p.CA(),
		"--tls-cert-file=" + p.ca.crt("server"), "--tls-private-key-file=" + p.ca.keyOf("server"),
		// Nothing here waits for a node to become ready, or mounts a token.
		"--disable-admission-plugins=StorageObjectInUseProtection,ServiceAccount,TaintNodesByCondition",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.ca.crt("sa"), "--service-account-signing-key-file=" + p.ca.keyOf("sa"),
		// The range of K3s, which has the addresses that manifests name.
		"--service-cluster-ip-range=10.43.0.0/16", "--watch-cache=true",
	}, extra...)...)
}

// kubernetes is one of Kubernetes' own controllers.
func (p *Plane) kubernetes(name, program, kubeconfig string, extra ...string) *component {
	return p.component(name, program, p.url(name)+"/healthz", append([]string{"--kubeconfig=" + kubeconfig, "--leader-elect=false",
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(p.ports[name]),
		"--tls-cert-file=" + p.ca.crt("server"), "--tls-private-key-file=" + p.ca.keyOf("server"),
	}, extra...)...)
}

// startKarmada starts the control plane in the order of Karmada's own installation: its API, the servers behind it,
// and the controllers that use it.
func (p *Plane) startKarmada(ctx context.Context) error {
	begin := time.Now()
	if err := p.ca.kubeconfig(p.Kubeconfig(""), p.url(APIServer), p.ca.admin()); err != nil {
		return err
	}
	err := p.run(ctx, p.apiserver(APIServer,
		"--proxy-client-cert-file="+p.ca.crt("front-proxy"), "--proxy-client-key-file="+p.ca.keyOf("front-proxy"),
		"--requestheader-client-ca-file="+p.CA(), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User"))
	if err != nil {
		return err
	}
	if err := p.extend(ctx); err != nil {
		return err
	}
	kubeconfig := "--kubeconfig=" + p.Kubeconfig("")
	err = p.runAll(ctx,
		p.component(AggregatedAPIServer, "aggregated-apiserver", p.url(AggregatedAPIServer)+"/readyz", kubeconfig,
			"--authentication-kubeconfig="+p.Kubeconfig(""), "--authorization-kubeconfig="+p.Kubeconfig(""),
			"--etcd-servers=http://"+p.addr(Etcd), "--etcd-prefix=/"+AggregatedAPIServer,
			"--tls-cert-file="+p.ca.crt("aggregated"), "--tls-private-key-file="+p.ca.keyOf("aggregated"),
			"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(p.ports[AggregatedAPIServer])),
		p.component(Webhook, "webhook", p.url(Webhook)+"/readyz", kubeconfig,
			"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(p.ports[Webhook]), "--cert-dir="+p.path("pki", "webhook"),
			"--metrics-bind-address=0", "--health-probe-bind-address=0", "--allow-no-execute-taint-policy=true"),
		p.kubernetes(KubeControllerManager, "kube-controller-manager", p.Kubeconfig(""),
			"--controllers=namespace,garbagecollector,serviceaccount-token,csrsigning,clusterrole-aggregation",
			"--cluster-signing-cert-file="+p.CA(), "--cluster-signing-key-file="+p.ca.keyOf("ca"), "--root-ca-file="+p.CA(),
			"--service-account-private-key-file="+p.ca.keyOf("sa")),
	)
	if err != nil {
		return err
	}
	p.logged("Karmada's API is ready", begin)
	manager := []string{kubeconfig, "--leader-elect=false", "--metrics-bind-address=0",
		"--health-probe-bind-address=" + p.addr("controller-manager-health"),
		"--feature-gates=Failover=true,MultiClusterService=true", "--enable-no-execute-taint-eviction=true",
		"--kube-api-qps=400", "--kube-api-burst=600", "--cluster-api-qps=400", "--cluster-api-burst=600"}
	if p.o.Hasty {
		manager = append(manager, "--cluster-status-update-frequency=1s", "--cluster-failure-threshold=2s", "--cluster-success-threshold=1s",
			"--cluster-monitor-period=1s", "--cluster-monitor-grace-period=8s", "--graceful-eviction-timeout=20s", "--resource-eviction-rate=50")
	}
	err = p.runAll(ctx,
		p.component(ControllerManager, "controller-manager", "http://"+p.addr("controller-manager-health")+"/healthz", manager...),
		p.component(Scheduler, "scheduler", "http://"+p.addr("scheduler-health")+"/healthz", kubeconfig, "--leader-elect=false",
			"--metrics-bind-address=0", "--health-probe-bind-address="+p.addr("scheduler-health"), "--kube-api-qps=400", "--kube-api-burst=600"),
	)
	p.logged("Karmada's controllers run", begin)
	return err
}

// extend applies Karmada's CRDs, the registration of its own API server, and its
// webhooks.
func (p *Plane) extend(ctx context.Context) error {
	ca, err := os.ReadFile(p.CA())
	if err != nil {
		return err
	}
	encoded := base64.StdEncoding.EncodeToString(ca)
	webhook := p.url(Webhook)
	replace := strings.NewReplacer("https://{{name}}.{{namespace}}.svc:443", webhook,
		"https://karmada-webhook.karmada-system.svc:443", webhook, `"{{caBundle}}"`, encoded, "{{caBundle}}", encoded)
	for _, name := range []string{"crds", "webhook-configuration.yaml"} {
		if err := copyTree(p.o.Programs.file(name), p.path(name), replace); err != nil {
			return err
		}
	}
	if _, err := p.Kubectl(ctx, "", fmt.Sprintf(extensions, encoded, p.ports[AggregatedAPIServer]), "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	if _, err := p.Kubectl(ctx, "", "", "apply", "--server-side", "-k", p.path("crds")); err != nil {
		return err
	}
	_, err = p.Kubectl(ctx, "", "", "apply", "--server-side", "-f", p.path("webhook-configuration.yaml"))
	return err
}

// extensions are formatted with the authority and the port of Karmada's own API
// server.
const extensions = `apiVersion: v1
kind: Namespace
metadata: {name: karmada-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: karmada-cluster}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.cluster.karmada.io}
spec:
  caBundle: %[1]s
  group: cluster.karmada.io
  groupPriorityMinimum: 2000
  service: {name: karmada-aggregated-apiserver, namespace: karmada-system, port: %[2]d}
  version: v1alpha1
  versionPriority: 10
---
apiVersion: v1
kind: Service
metadata: {name: karmada-aggregated-apiserver, namespace: karmada-system}
spec:
  type: ExternalName
  externalName: localhost
  ports: [{port: %[2]d}]
`
