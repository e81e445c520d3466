// Package karmada_test checks the expectations of Nearcast's tests against Karmada's own
// interpreters.
package karmada_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	configv1alpha1 "github.com/karmada-io/karmada/pkg/apis/config/v1alpha1"
	"github.com/karmada-io/karmada/pkg/resourceinterpreter/customized/declarative/luavm"
	"github.com/karmada-io/karmada/pkg/resourceinterpreter/default/native"
	"github.com/karmada-io/karmada/pkg/resourceinterpreter/default/thirdparty"
)

var update = flag.Bool("update", false, "write what Karmada says")

const (
	root     = "../../../"
	cases    = root + "internal/source/slim/testdata/health.yaml"
	golden   = root + "internal/source/slim/testdata/karmada.json"
	shipped  = root + "manifests/karmada/interpreters/"
	template = "resourcetemplate.karmada.io/generation"
)

// word is Karmada's interpretation of an object in a member.
type word struct {
	Health string
	Status json.RawMessage `json:",omitempty"`
}

// interpreters are consulted in the order in which Karmada consults them: customizations
// that are applied to its API, those that it ships for kinds of other projects, its own.
type interpreters struct {
	applied map[string]configv1alpha1.CustomizationRules
	vm      *luavm.VM
	others  *thirdparty.ConfigurableInterpreter
	own     *native.DefaultInterpreter
}

func newInterpreters(t *testing.T) interpreters {
	i := interpreters{
		applied: map[string]configv1alpha1.CustomizationRules{}, vm: luavm.New(false, 1),
		others: thirdparty.NewConfigurableInterpreter(), own: native.NewDefaultInterpreter(),
	}
	for _, file := range []string{"spinapp.yaml", "knative-service.yaml"} {
		var c configv1alpha1.ResourceInterpreterCustomization
		read(t, filepath.Join(shipped, file), &c)
		i.applied[c.Spec.Target.APIVersion+" "+c.Spec.Target.Kind] = c.Spec.Customizations
	}
	return i
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func (i interpreters) say(t *testing.T, obj *unstructured.Unstructured) word {
	t.Helper()
	healthy, status, err := i.interpret(obj)
	if err != nil {
		t.Fatal(err)
	}
	w := word{Health: "Unhealthy"}
	if healthy {
		w.Health = "Healthy"
	}
	if status != nil {
		w.Status = status.Raw
	}
	return w
}

func (i interpreters) interpret(obj *unstructured.Unstructured) (healthy bool, status *runtime.RawExtension, err error) {
	if rules, ok := i.applied[obj.GetAPIVersion()+" "+obj.GetKind()]; ok {
		if healthy, err = i.vm.InterpretHealth(obj, rules.HealthInterpretation.LuaScript); err != nil {
			return false, nil, err
		}
		status, err = i.vm.ReflectStatus(obj, rules.StatusReflection.LuaScript)
		return healthy, status, err
	}
	kind := obj.GroupVersionKind()
	switch {
	case i.others.HookEnabled(kind, configv1alpha1.InterpreterOperationInterpretHealth):
		healthy, _, err = i.others.InterpretHealth(obj)
	case i.own.HookEnabled(kind, configv1alpha1.InterpreterOperationInterpretHealth):
		healthy, err = i.own.InterpretHealth(obj)
	default:
		healthy = true // like Karmada: an object that it cannot interpret is healthy
	}
	if err != nil {
		return false, nil, err
	}
	status, reflected, err := i.others.ReflectStatus(obj)
	if err == nil && !reflected {
		status, err = i.own.ReflectStatus(obj)
	}
	return healthy, status, err
}

// TestTheExpectationsOfTestsAreKarmadasOwn checks internal/source/slim/testdata/karmada.json.
func TestTheExpectationsOfTestsAreKarmadasOwn(t *testing.T) {
	var all []struct {
		Name   string
		Object map[string]any
	}
	read(t, cases, &all)
	i := newInterpreters(t)
	got := map[string]word{}
	for _, c := range all {
		obj := &unstructured.Unstructured{Object: c.Object}
		obj.SetNamespace("ns")
		obj.SetName("web")
		obj.SetAnnotations(map[string]string{template: "1"}) // as Karmada applies objects
		got[c.Name] = i.say(t, obj)
	}
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var want map[string]word
	read(t, golden, &want)
	if !reflect.DeepEqual(plain(t, got), plain(t, want)) {
		t.Errorf("%s differs from what Karmada says; run with -update and see git diff", golden)
	}
}

func plain(t *testing.T, of any) (v any) {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAnAutoscaledSpinAppKeepsItsReplicasUnset whatever number Karmada has for the
// cluster, because the operator's webhook denies anything else.
func TestAnAutoscaledSpinAppKeepsItsReplicasUnset(t *testing.T) {
	i := newInterpreters(t)
	rules := i.applied["core.spinkube.dev/v1alpha1 SpinApp"]
	for name, c := range map[string]struct {
		spec string
		want any
	}{
		"autoscaled":                {`{enableAutoscaling: true}`, nil},
		"autoscaled, with requests": {`{enableAutoscaling: true, resources: {requests: {cpu: 100m}}}`, nil},
		"autoscaled, and set":       {`{enableAutoscaling: true, replicas: 2}`, nil},
		"not autoscaled":            {`{enableAutoscaling: false, replicas: 2}`, int64(3)},
		"silent":                    {`{replicas: 2}`, int64(3)},
	} {
		spec := map[string]any{}
		if err := yaml.Unmarshal([]byte(c.spec), &spec); err != nil {
			t.Fatal(err)
		}
		obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp", "spec": spec}}
		replicas, _, err := i.vm.GetReplicas(obj, rules.ReplicaResource.LuaScript)
		if err != nil || replicas < 1 {
			t.Errorf("%s: %d replicas (%v): without replicas, Karmada would not place it", name, replicas, err)
		}
		revised, err := i.vm.ReviseReplica(obj, 3, rules.ReplicaRevision.LuaScript)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, _, _ := unstructured.NestedFieldNoCopy(revised.Object, "spec", "replicas"); got != c.want {
			t.Errorf("%s: replicas %v, want %v", name, got, c.want)
		}
	}
}
