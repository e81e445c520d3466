package karmada

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// tenants are those of manifests/functions.
var tenants = []string{"science", "accounts"}

// spinKinds are those of the Spin operator that manifests/functions has, by their
// plurals.
var spinKinds = map[string]string{"spinapps": "SpinApp", "spinappexecutors": "SpinAppExecutor"}

// defineSpin defines these kinds everywhere, from the start: Karmada looks only twice
// a minute which kinds there are.
func (w *world) defineSpin(ctx context.Context) error {
	for _, where := range append(all(), "") {
		for plural, kind := range spinKinds {
			if _, err := w.plane.Kubectl(ctx, where, fmt.Sprintf(crd, plural, "core.spinkube.dev", kind, strings.ToLower(kind), "v1alpha1"), "apply", "--server-side", "-f", "-"); err != nil {
				return err
			}
		}
	}
	return nil
}

// all are the names of the members.
func all() (names []string) {
	for _, m := range controlplane.ThreeMembers {
		names = append(names, m.Name)
	}
	return names
}

// TestNearcastReachesItsMembersThroughKarmada spreads both variants of
// manifests/nearcast, and tries what has arrived.
func TestNearcastReachesItsMembersThroughKarmada(t *testing.T) {
	s := stage(t)
	spread{folder: "karmada/nearcast", members: all(), differs: map[string][]string{
		"ConfigMap/nearcast": {"/data/cluster", "/data/speaker.yaml"},
		"DaemonSet/nearcast": {"/spec/template/spec/volumes/0/secret/secretName"},
	}}.apply(s)
	// The fifth of the paper's clusters is not here.
	const alone = "hpc-kube"
	spread{folder: "karmada/resolver", members: []string{alone}, replacements: []string{"l26-ugd", alone}, differs: map[string][]string{
		"ConfigMap/nearcast":  {"/data/cluster"},
		"Deployment/nearcast": {"/spec/template/spec/volumes/0/secret/secretName"},
	}}.apply(s)
	for _, m := range all() {
		s.loadable(m, "nearcast-system")
		for question, wanted := range map[string]string{
			"list services -A": "yes", "update leases.coordination.k8s.io -n nearcast-system": "yes", "list secrets -n nearcast-system": "no",
		} {
			out, _ := w.plane.Kubectl(t.Context(), m, "", append([]string{"auth", "can-i", "--as=system:serviceaccount:nearcast-system:nearcast-speaker"}, strings.Fields(question)...)...)
			if got := strings.TrimSpace(out); got != wanted {
				t.Errorf("may the speaker of %s %s: %s, want %s", m, question, got, wanted)
			}
		}
	}
	s.loadable(alone, "nearcast-resolver")
	// Admission at the level restricted is the real one.
	s.within("the Deployment's pods are admitted and ready", 3*soon, func() error {
		return want(s.kubectl(alone, "", "get", "deployment", "nearcast", "-n", "nearcast-resolver", "-o", "jsonpath={.status.readyReplicas}"), "2")
	})
	s.podOf(alone, "nearcast-system", "")
	s.podOf(alone, "nearcast-resolver", "violates PodSecurity")
}

// loadable checks that the programs load what is in the member's ConfigMap.
func (s *scene) loadable(member, namespace string) {
	s.Helper()
	config, err := w.members[member].CoreV1().ConfigMaps(namespace).Get(s.Context(), "nearcast", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	dir := s.TempDir()
	here := strings.NewReplacer("/etc/nearcast/karmada/kubeconfig", w.nearcast, "/etc/nearcast", dir, "/var/lib/nearcast", dir, "/run/nearcast", dir)
	args := []string{"check"}
	for name, text := range config.Data {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(here.Replace(text)), 0o644); err != nil {
			s.Fatal(err)
		}
		if name == "Corefile" || name == "speaker.yaml" {
			args = append(args, path)
		}
	}
	s.Setenv("CLUSTER", config.Data["cluster"])
	s.Setenv("NODE_ADDRESS", "192.0.2.11")
	if out, err := command(args...); err != nil {
		s.Errorf("%s in %s: %v: %s", namespace, member, err, out)
	}
	if config.Data["cluster"] != member {
		s.Errorf("%s in %s is of %s", namespace, member, config.Data["cluster"])
	}
}

// podOf has the member admit, and not make, a pod of the DaemonSet in the
// namespace; complaint is what it is refused with, if it is to be.
func (s *scene) podOf(member, namespace, complaint string) {
	s.Helper()
	template := s.kubectl(member, "", "get", "daemonset", "nearcast", "-n", "nearcast-system", "-o", "jsonpath={.spec.template.spec}")
	pod := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"tried","namespace":%q},"spec":%s}`, namespace, template)
	_, err := w.plane.Kubectl(s.Context(), member, pod, "create", "--dry-run=server", "-f", "-")
	if (err == nil) != (complaint == "") || err != nil && !strings.Contains(err.Error(), complaint) {
		s.Errorf("a pod of the DaemonSet in %s of %s: %v, want %q", namespace, member, err, complaint)
	}
}

// TestTheFunctionsReachEveryMemberThroughKarmada spreads manifests/functions, and
// asks for them.
func TestTheFunctionsReachEveryMemberThroughKarmada(t *testing.T) {
	s := stage(t)
	for plural, kind := range spinKinds {
		s.serveKind(plural, "core.spinkube.dev", kind, "v1alpha1")
	}
	t.Cleanup(func() {
		_, _ = w.plane.Kubectl(context.Background(), "", "", "delete", "namespace", "science", "accounts", "--wait=false")
	})
	spread{folder: "functions", members: all()}.apply(s)
	for _, m := range all() {
		for _, tenant := range tenants {
			s.within("the quota of "+tenant+" is in "+m, 2*soon, func() error {
				got, err := w.plane.Kubectl(t.Context(), m, "", "get", "resourcequota", "tenant", "-n", tenant, "-o", `jsonpath={.status.hard.requests\.cpu} {.status.hard.pods} {.status.used.pods}`)
				if err != nil {
					return err
				}
				return want(got, "4 40 1") // the Deployment's pod: nobody here makes pods of SpinApps
			})
		}
		// As their operator would.
		for _, app := range []string{"science/n-body-spin", "accounts/user-manager-spin"} {
			namespace, name, _ := strings.Cut(app, "/")
			s.kubectl(m, "", "patch", "spinapps.core.spinkube.dev", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", `{"status":{"readyReplicas":1}}`)
		}
	}
	s.atGateways()
	for _, name := range []string{"n-body.science", "n-body-container.science", "user-manager.accounts", "user-manager-container.accounts"} {
		for region, nearest := range map[string]string{"us": "us-azure", "de": "de-wide"} {
			s.answers(name+" for "+region, name+"."+zone, region, nearest, 3*soon)
		}
	}
}

// atGateways gives each cluster a gateway at the scenario's address, which answers
// what the functions' probes ask.
func (s *scene) atGateways() {
	s.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/.well-known/spin/health" {
			http.NotFound(w, r)
		}
	})
	for _, m := range all() {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", s.addr(m), port))
		if err != nil {
			s.Fatal(err)
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
		server.Start()
		s.Cleanup(server.Close)
		s.kubectl("", "", "annotate", "cluster", m, fmt.Sprintf("nearcast.dev/address=%s:%d", s.addr(m), port))
		s.Cleanup(func() {
			_, _ = w.plane.Kubectl(context.Background(), "", "", "annotate", "cluster", m, "nearcast.dev/address-")
		})
	}
}
