package manifest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/base/plainyaml"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// whole parses a file as the YAML library does, one document after the other.
func whole(text string) (file, *federation.Fault) {
	var f file
	if err := f.library("f.yaml", section{[]byte(text), 1}); err != nil {
		return file{}, notYAML("f.yaml", []byte(text), err)
	}
	return f, nil
}

// said returns what a file says, with all its faults.
func (f file) said() (all []string) {
	for _, d := range f.documents {
		all = append(all, fmt.Sprintf("%+v %+v %v", d.ref(), d.origin(), d.faults()))
	}
	return append(all, fmt.Sprint(f.faults, f.more))
}

func sameFile(t *testing.T, text string) {
	t.Helper()
	is, fault := parseSections("f.yaml", []byte(text), sections([]byte(text), 1000))
	want, wanted := whole(text)
	if !reflect.DeepEqual(fault, wanted) {
		t.Fatalf("%.200q: %v, want %v", text, fault, wanted)
	}
	if len(is.documents) != len(want.documents) || !reflect.DeepEqual(is.said(), want.said()) {
		t.Fatalf("%.200q:\n%v\nwant\n%v", text, is.said(), want.said())
	}
	for i := range is.documents {
		if !reflect.DeepEqual(is.documents[i], want.documents[i]) {
			t.Fatalf("%.200q:\n%+v\nwant\n%+v", text, is.documents[i].Object, want.documents[i].Object)
		}
	}
}

// TestManyAtATimeAreReadAsOneAfterTheOther has files of several sections, with each kind of
// document at their borders, and faults that are counted across them.
func TestManyAtATimeAreReadAsOneAfterTheOther(t *testing.T) {
	var functions strings.Builder
	for i := range 80 {
		functions.WriteString(fixture.Documents(fixture.Function{Name: fmt.Sprint("f", i), Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed()}))
	}
	good := functions.String()
	if n := len(sections([]byte(good), 1000)); n < 20 {
		t.Fatalf("%d sections; the test shows little", n)
	}
	for _, text := range []string{
		good, good[4:], strings.ReplaceAll(good, "\n", "\r\n"), strings.ReplaceAll(good, "spec:", "spec: # x"), strings.ReplaceAll(good, "---", "--- # x"),
		good + "---\na: [", "a: [\n" + good, strings.Replace(good, "name: f33\n", "name: [f33\n", 1), strings.Replace(good, "name: f33\n", "name: {{ .x }}\n", 1),
		strings.ReplaceAll(good, "name: f1", "nam: f1"), strings.ReplaceAll(good, "apiVersion: v1\n", ""), strings.ReplaceAll(good, "port: 80", "port: x"),
		"%YAML 1.1\n" + good, strings.ReplaceAll(good, "---\n", "...\n---\n"), strings.ReplaceAll(good, "---\n", "%TAG ! x\n---\n"), strings.ReplaceAll(good, "---\napiVersion: work", "...\napiVersion: work"),
		strings.ReplaceAll(good, "nearcast.dev/probe", "nearcast.dev/prob"), strings.ReplaceAll(good, "kind: Service\n", "kind: ConfigMap\n"), strings.ReplaceAll(good, "applied: true", "applied: yes"),
		strings.ReplaceAll(good, "name: f", "name: &a f"), strings.ReplaceAll(good, "spec:", "spec: &a\n  <<: *a"), "# " + good, strings.ReplaceAll(good, "\n", "\n\n"),
		"", "---\n", "---\n---", "\n---\n--- \n---\t\n---x\n", "a: |\n ---\n---\n", "a: '\n---\n'\n", "--- |\n---\n", "[a,\n---\nb]\n",
	} {
		sameFile(t, text)
	}
}

// TestWhatKubectlPrintsIsPlain: otherwise it would take ten times as long to read.
func TestWhatKubectlPrintsIsPlain(t *testing.T) {
	for _, text := range []string{printed, fixture.ThreeWith(hello)} {
		for _, document := range sections([]byte(text), 0) {
			if _, plain := new(plainyaml.Parser).Parse(document.text, document.line); !plain {
				t.Errorf("is not plain:\n%s", document.text)
			}
		}
	}
}

// FuzzManyAtATimeAreReadAsOneAfterTheOther has sections of some documents.
func FuzzManyAtATimeAreReadAsOneAfterTheOther(f *testing.F) {
	f.Add([]byte(printed))
	f.Add([]byte(fixture.ThreeWith(hello)))
	f.Add([]byte("%YAML 1.2\n---\n" + service + "...\n---\na: |\n  b\n---\n" + object("a") + "\n--- # x\na: &a [*a]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if unfit("f.yaml", data) == nil && !hasOtherBreaks(string(data)) {
			sameFile(t, string(data))
		}
	})
}

// hasOtherBreaks reports whether the text has characters at which YAML breaks lines, but editors
// do not: only the library counts those lines.
func hasOtherBreaks(text string) bool {
	return strings.ContainsAny(strings.ReplaceAll(text, "\r\n", "\n"), "\r\u0085\u2028\u2029")
}
