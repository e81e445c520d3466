package karmada

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kustomized applies a directory of manifests, with replacements.
func (s *scene) kustomized(folder string, replacements ...string) {
	s.Helper()
	yaml := s.kubectl("", "", "kustomize", filepath.Join(manifests, folder))
	s.apply(strings.NewReplacer(replacements...).Replace(yaml))
}

// command runs the nearcast command, and returns what it printed.
func command(args ...string) (string, error) {
	out, err := exec.Command(filepath.Join(w.dir, "nearcast"), args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestASiteSeesOnlyItsNamespacesUntilItIsRevoked(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.deploy(function{name: "hello", clusters: []string{"us-azure"}})
	s.kustomized("sites/tenant-only", "namespace: media", "namespace: "+s.namespace)
	other := namespaceOf(s.number) + "-other"
	s.apply(fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", other))
	defer s.kubectl("", "", "delete", "namespace", other, "--wait=false")

	// As manifests/karmada/README.md says: a token that lives as long as a Secret.
	s.kubectl("", "", "create", "secret", "generic", "site-tenant-only-1", "-n", "nearcast-system")
	defer s.kubectl("", "", "delete", "secret", "site-tenant-only-1", "-n", "nearcast-system", "--ignore-not-found")
	token := s.kubectl("", "", "create", "token", "site-tenant-only", "-n", "nearcast-system", "--duration=720h", "--bound-object-kind=Secret", "--bound-object-name=site-tenant-only-1")
	path := filepath.Join(w.dir, "tenant.kubeconfig")
	if err := w.plane.Token(path, token); err != nil {
		t.Fatal(err)
	}
	for question, wanted := range map[string]string{
		"list services -n " + s.namespace: "yes", "list services -n " + other: "no", "list secrets -n " + s.namespace: "no",
		"list clusters.cluster.karmada.io": "yes", "patch clusters.cluster.karmada.io": "no", "create events.events.k8s.io -n " + s.namespace: "no",
		"get /readyz": "yes",
	} {
		out, _ := w.plane.KubectlAs(t.Context(), path, "", append([]string{"auth", "can-i"}, strings.Fields(question)...)...)
		if got := strings.TrimSpace(out); got != wanted {
			t.Errorf("may it %s: got %s, want %s", question, got, wanted)
		}
	}
	server, err := w.serve("tenant", path+" "+s.namespace, "stale 8s")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	s.server = server
	s.answers("its namespace's function", s.host("hello"), "us", "us-azure", soon)

	s.kubectl("", "", "delete", "secret", "site-tenant-only-1", "-n", "nearcast-system")
	s.within("revoked: the API rejects its token", time.Minute, func() error {
		out, err := w.plane.KubectlAs(t.Context(), path, "", "get", "services", "-n", s.namespace)
		if err == nil {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	s.within("the site reports that its state is stale", time.Minute, func() error {
		reply, err := server.exchange(s.host("hello"), "us")
		if err == nil && !strings.Contains(reply.String(), "Stale Answer") {
			err = fmt.Errorf("no EDE 3 in %s", reply)
		}
		return err
	})
	s.holds("and answers from its last state", s.host("hello"), "us", "us-azure", time.Second)
}

func TestOnlyAuthorizedUsersDrainAtAllSites(t *testing.T) {
	s := inTwo(t)
	s.kustomized("operator")
	ann, err := w.plane.User("ann", "nearcast-drainers")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := w.plane.User("bob", "others")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := command("drain", "us-azure", "--kubeconfig", bob); err == nil || !strings.Contains(out, "forbidden") {
		t.Errorf("bob: %v: got %s, want him to be forbidden", err, out)
	}
	if out, err := command("drain", "us-azur", "--kubeconfig", ann); err == nil || !strings.Contains(out, "not found") {
		t.Errorf("a typo: %v: %s", err, out)
	}
	out, err := command("drain", "us-azure", "--kubeconfig", ann)
	if err != nil {
		t.Fatal(out)
	}
	t.Log(out)
	s.answers("drained", s.host("hello"), "us", "de-wide", soon)
	if out, err = command("undrain", "us-azure", "--kubeconfig", ann); err != nil {
		t.Fatal(out)
	}
	t.Log(out)
	s.answers("and no longer", s.host("hello"), "us", "us-azure", soon)
}

func TestOperatorsAreNotifiedByEvents(t *testing.T) {
	s := stage(t)
	s.up("us-azure", "de-wide")
	s.kustomized("events")
	defer s.kubectl("", "", "delete", "clusterrolebinding", "nearcast-events")
	// Two servers see the same change, and emit one Event.
	for _, name := range []string{"events-1", "events-2"} {
		server, err := w.serve(name, w.nearcast, "")
		if err != nil {
			t.Fatal(err)
		}
		defer server.stop()
		s.server = server
	}
	told := func(reason, about, note string) {
		t.Helper()
		s.within(about+" gets an Event: "+reason, 3*soon, func() error {
			out, err := w.plane.Kubectl(t.Context(), "", "", "get", "events.events.k8s.io", "-n", s.namespace, "-o",
				`jsonpath={range .items[*]}{.reason}|{.regarding.kind}/{.regarding.name}|{.note}{"\n"}{end}`)
			if err != nil {
				return err
			}
			found := 0
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, reason+"|Service/"+about+"|") && strings.Contains(line, note) {
					found++
				}
			}
			if found != 1 {
				return fmt.Errorf("got %d matching Events in\n%s", found, out)
			}
			return nil
		})
	}
	name := map[string]string{"nearcast.dev/hostname": s.namespace + "-named." + zone}
	s.deploy(function{name: "hello", clusters: []string{"us-azure", "de-wide"}, annotations: name})
	s.answers("there", s.namespace+"-named."+zone, "us", "us-azure", soon)
	time.Sleep(1100 * time.Millisecond) // creation times are in seconds
	s.apply(s.yaml(function{name: "second", clusters: []string{"us-azure"}, annotations: name}))
	told("Refused", "second", "nearcast.dev/hostname")
	s.apply(s.yaml(function{name: "typo", clusters: []string{"us-azure"}, annotations: map[string]string{"nearcast.dev/policy": "nearst"}}))
	told("Refused", "typo", "nearst")
	s.apply(s.yaml(function{name: "thief", clusters: []string{"us-azure"}, annotations: map[string]string{"nearcast.dev/hostname": "example.com"}}))
	told("Refused", "thief", "example.com")
	s.apply(s.yaml(function{name: "nowhere", clusters: []string{"us-azure"}}))
	told("NoEligibleCluster", "nowhere", "no address")
	s.down("us-azure")
	told("Failover", "hello", "moved away from us-azure (down): probe fails: ")
	s.up("us-azure")
	told("Recovered", "hello", "")
	_, events, _ := strings.Cut(s.kubectl("", "", "describe", "service", "hello", "-n", s.namespace), "Events:")
	t.Log(events)
}
