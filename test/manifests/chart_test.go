package manifests

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/nearcast/nearcast/lab/controlplane"
)

// chartOfKarmada is the directory of the chart in the module that the control plane is
// built of.
func chartOfKarmada(t *testing.T) string {
	t.Helper()
	out, err := goIn(t.Context(), "../../lab/controlplane/karmada", "list", "-m", "-f", "{{.Dir}}", "github.com/karmada-io/karmada")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "charts/karmada")
}

func valuesOf(t *testing.T, path string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, path, data)
}

// TestKarmadasChartHasEveryValue: Helm ignores unknown values.
func TestKarmadasChartHasEveryValue(t *testing.T) {
	ours := valuesOf(t, filepath.Join(root, "federation/karmada/values.yaml"))
	theirs := valuesOf(t, filepath.Join(chartOfKarmada(t), "values.yaml"))
	for _, fault := range unknown("", ours, theirs) {
		t.Error(fault)
	}
	for _, host := range list(theirs["certs"].(map[string]any)["auto"].(map[string]any)["hosts"]) {
		if !slices.Contains(hosts(ours), host) {
			t.Errorf("certs.auto.hosts lacks the chart's own %v", host)
		}
	}
}

// unknown returns the paths of values that the chart does not have. A map that is empty
// there accepts anything.
func unknown(path string, ours, theirs map[string]any) (faults []string) {
	if len(theirs) == 0 {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(ours)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		value, ok := theirs[key]
		if !ok && at != "controllerManager.featureGates.Failover" { // the gates' names are tried below
			faults = append(faults, fmt.Sprintf("values.yaml: Karmada's chart has no %s", at))
			continue
		}
		if inner, ok := ours[key].(map[string]any); ok {
			outer, ok := value.(map[string]any)
			if !ok {
				faults = append(faults, fmt.Sprintf("values.yaml: %s is not a map in Karmada's chart", at))
				continue
			}
			faults = append(faults, unknown(at, inner, outer)...)
		}
	}
	return faults
}

func hosts(values map[string]any) []any {
	return list(values["certs"].(map[string]any)["auto"].(map[string]any)["hosts"])
}

// TestKarmadasProgramsHaveEveryFlag checks with the programs' own help.
func TestKarmadasProgramsHaveEveryFlag(t *testing.T) {
	values := valuesOf(t, filepath.Join(root, "federation/karmada/values.yaml"))["controllerManager"].(map[string]any)
	help := helpOf(t, "controller-manager")
	for flag := range values["extraCommandArgs"].(map[string]any) {
		if !strings.Contains(help, "--"+flag+" ") {
			t.Errorf("karmada-controller-manager has no flag --%s", flag)
		}
	}
	for gate := range values["featureGates"].(map[string]any) {
		if !strings.Contains(help, gate+"=true|false") {
			t.Errorf("karmada-controller-manager has no feature gate %s", gate)
		}
	}
	var patch []struct{ Op, Path, Value string }
	if err := sigsyaml.UnmarshalStrict([]byte(text(t, "federation/karmada/webhook-patch.yaml")), &patch); err != nil {
		t.Fatal(err)
	}
	for _, p := range patch {
		flag, _, _ := strings.Cut(p.Value, "=")
		if !strings.Contains(helpOf(t, "webhook"), flag+" ") && !strings.Contains(helpOf(t, "webhook"), flag+"\t") {
			t.Errorf("karmada-webhook has no flag %s", flag)
		}
	}
	if len(patch) == 0 {
		t.Error("webhook-patch.yaml is empty")
	}
}

func helpOf(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(string(controlplane.DefaultPrograms()), "bin", program), "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%s --help: %v", program, err)
	}
	return string(out)
}

// TestKarmadasCertificateHasTheAddressesOfTheVPN, by which the others reach it.
func TestKarmadasCertificateHasTheAddressesOfTheVPN(t *testing.T) {
	values := valuesOf(t, filepath.Join(root, "federation/karmada/values.yaml"))
	want := []string{"karmada.example.org"}
	for i := range 3 {
		want = append(want, address("mk-core", i))
	}
	for _, host := range want {
		if !slices.Contains(hosts(values), any(host)) {
			t.Errorf("certs.auto.hosts lacks %s", host)
		}
	}
}
