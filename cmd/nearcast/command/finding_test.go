package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
)

// TestTheLocationOfAnErrorIsTakenFromItsText has the forms in which parsers name a location.
func TestTheLocationOfAnErrorIsTakenFromItsText(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"Corefile", "list.rpz", "a b:1.csv"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("Corefile:4 - Error during parsing: unknown key"), "fault|Corefile|4|||Error during parsing: unknown key|Corefile:4 - Error during parsing: unknown key"},
		{errors.New("list.rpz:3: the rule x cannot be used: y"), "fault|list.rpz|3|||the rule x cannot be used: y|list.rpz:3: the rule x cannot be used: y"},
		{errors.New("Corefile: line 4: field x not found"), "fault|Corefile|4|||field x not found|Corefile: line 4: field x not found"},
		{errors.New("Corefile: asn: is required"), "fault|Corefile|0|||asn: is required|Corefile: asn: is required"},
		{errors.New("a b:1.csv:7: x:8: y"), "fault|a b:1.csv|7|||x:8: y|a b:1.csv:7: x:8: y"},
		{errors.New("lookup 192.0.2.1:53: refused"), "fault|Corefile|0|||lookup 192.0.2.1:53: refused|Corefile: lookup 192.0.2.1:53: refused"},
		{errors.New("without a place"), "fault|Corefile|0|||without a place|Corefile: without a place"},
		{fmt.Errorf("locations: %w", &fs.PathError{Op: "open", Path: "x.csv", Err: fs.ErrNotExist}), "fault|x.csv|0|||cannot be read: file does not exist|x.csv: cannot be read: file does not exist"},
		{federation.Fault{File: "m/a.yaml", Line: 2, Object: "Service x/y", Key: "k", Reason: "bad"}, "fault|m/a.yaml|2|Service x/y|k|bad|m/a.yaml:2: Service x/y: k: bad"},
		{federation.Fault{Warning: true, Object: "cluster b", Reason: "odd"}, "warning|Corefile|0|cluster b||odd|Corefile: cluster b: odd"},
	} {
		f := ofError(severityFault, "Corefile", c.err)
		if got := fmt.Sprintf("%s|%s|%d|%s|%s|%s|%s", f.Severity, f.File, f.Line, f.Object, f.Key, f.Reason, f.Text); got != c.want {
			t.Errorf("%v:\n%s\nwant\n%s", c.err, got, c.want)
		}
	}
}

// TestFindingsAreOrderedByFileAndLine checks a Corefile whose warnings and faults are found
// by several parsers.
func TestFindingsAreOrderedByFileAndLine(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"b/Corefile": "fn.example.org {\n    loadbalance\n    nearcast {\n        cluster a\n        manifests m\n        locations a.csv\n    }\n    rpz {\n        zone z {\n            fle x\n        }\n    }\n}\n",
		"m/b.yaml":   "kind: x\n",
		"m/a.yaml":   "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n---\nkind: x\n",
		"a.csv":      "1.2.3.4/99,x\n10.0.0.0/8,a\nx,y\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	findings, _ := checkPath("b/Corefile")
	var got []string
	for _, f := range findings {
		at := fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		if len(got) == 0 || got[len(got)-1] != at { // the manifests are read twice
			got = append(got, at)
		}
	}
	if want := "[Corefile:0 Corefile:2 Corefile:3 Corefile:10 a.csv:1 a.csv:3 a.yaml:1 a.yaml:5 b.yaml:1]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
