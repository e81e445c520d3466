package plainyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// kubernetes is an object as kubectl prints it, shortened.
const kubernetes = `---
# Source: web/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"Service"}
    nearcast.dev/hostname: '*.web.example.org, it''s'
    "nearcast.dev/ttl": "30"
  creationTimestamp: "2026-01-10T08:00:00Z"
  labels: {nearcast.dev/function: "true", a: b c}
  name: web
spec:
  clusterIP: 10.0.0.1
  ports:
  - name: http
    port: 80
    targetPort: http
  - {port: 443, "protocol":"TCP", list: [], of: [1, a:b, {c: -1.5}], none: {}}
  args:
    - --port=80
    -
    - - x
      - y: z
        u: ~
  empty:
  sessionAffinity: None
status:
  loadBalancer: {}
  text: |-
    a
      b

    c: d
  on: true
`

// TestPlainTextIsReadAsTheLibraryReadsIt has texts that must be recognised as plain.
func TestPlainTextIsReadAsTheLibraryReadsIt(t *testing.T) {
	for _, text := range []string{
		kubernetes, string(bytes.ReplaceAll([]byte(kubernetes), []byte("\n"), []byte("\r\n"))),
		"", "---", "--- \n", "# a\n", "---\n# a", "\n\n  a: b\n  c: d", "a:\n- b\n- c\nd: e\n", "a:\n  - b:\n    - c\n    d: e\n",
		"a: 0x1F\nb: 1e3\nc: .5\nd: +1\ne: -7\nf: 007\ng: 1_000\nh: 12345678901234567890\ni: NULL\nj: True\nk: yes\n",
		"a: b:c\n", "a.b/c-d_e: x y  z   \n", "a: |\n  b\n\n\n", "...: a\n", "a: {}\nb: []\n",
		"a: \"\\\"\\\\\\n\\t\"\nb: ''\nc: \"\"\n", "a: x\n\n\n", "a: $(b)\n",
	} {
		if !compare(t, []byte(text)) {
			t.Errorf("is not plain:\n%s", text)
		}
	}
}

// TestTextThatIsNotPlainIsLeftToTheLibrary also has texts that are faults.
func TestTextThatIsNotPlainIsLeftToTheLibrary(t *testing.T) {
	for _, text := range []string{
		"a", "- a", "{a: b}", "--- a: b", "a: &b c", "a: *b", "a: !!str b", "? a\n: b", "a: >\n  b\n", "a: |+\n  b\n", "a: |2\n   b\n", "a: |\n\n  b\n", "a: |\n  b",
		"a: b\n  c\n", "a: \"b\n  c\"\n", "a: {b: c,\n  d: e}\n", "a: b # c\n", "a: b\n# c\n", "a:\tb\n", "a: ü\n", "a: b\rc: d\n", "a: 2026-01-10\n", "1: a\n", "<<: a\n", "true: a\n", "null: b\n",
		"a: b: c\n", "a: b\n c: d\n", "a:\n    b: c\n  d: e\n", "a:\n- b\n c: d\n", "%YAML 1.2\n---\na: b\n", "a: b\n---\nc: d\n", "a: b\n...\n", "...\n", "... : b\n", "a: @b\n", "a: `b`\n", "a: %b\n",
		"a: {b}\n", "a: {b: }\n", "a: [b: c]\n", "a: [b,]\n", "a: {b: c}d\n", "a: 'b'c\n", "a: 'b'#c\n", "a: \"\\x41\"\n", "a: \"\\u0041\"\n", "a: \"\\/\"\n", "a: [?b]\n", "a: {b: c", "a: - b\n", "a: -\n", "a: [-]\n", "a: {b#: c}\n",
		"a:\n" + string(bytes.Repeat([]byte("["), 200)), "a: |\n  b\n \n   \n",
	} {
		if compare(t, []byte(text)) {
			t.Errorf("is plain: %q", text)
		}
	}
}

// compare returns whether the text is plain, and reports a difference to what the library
// reads.
func compare(t *testing.T, text []byte) bool {
	t.Helper()
	const line = 7
	var p Parser
	root, plain := p.Parse(text, line)
	if !plain {
		return false
	}
	want, err := library(text)
	if err != nil {
		t.Fatalf("%q is plain, but the library says: %v", text, err)
	}
	if difference := differ(root, want, line-1); difference != "" {
		t.Fatalf("%q: %s", text, difference)
	}
	again, plain := p.Parse(bytes.Clone(text), line)
	if difference := differ(again, want, line-1); !plain || difference != "" {
		t.Fatalf("%q, parsed again: %s", text, difference)
	}
	return true
}

// library returns the only document of the text; nil if it is empty.
func library(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root *yaml.Node
	for {
		var n yaml.Node
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		if root != nil {
			return nil, errors.New("these are two documents")
		}
		if root = n.Content[0]; root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
			root = nil
		}
	}
}

// differ returns how a node differs from what the library made of the text, or "".
func differ(is, want *yaml.Node, offset int) string {
	if is == nil || want == nil {
		if is != want {
			return fmt.Sprintf("is %v, want %v", is, want)
		}
		return ""
	}
	if is.Kind != want.Kind || is.Style != want.Style || is.Tag != want.Tag || is.Value != want.Value || is.Line-offset != want.Line || len(is.Content) != len(want.Content) {
		return fmt.Sprintf("line %d: %+v, want %+v", want.Line, is, want)
	}
	for i := range is.Content {
		if difference := differ(is.Content[i], want.Content[i], offset); difference != "" {
			return difference
		}
	}
	return ""
}

// FuzzPlainTextIsReadAsTheLibraryReadsIt changes texts at random; what the library refuses or
// reads otherwise must not be plain.
func FuzzPlainTextIsReadAsTheLibraryReadsIt(f *testing.F) {
	f.Add([]byte(kubernetes))
	files, err := filepath.Glob("../../../corefile/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { compare(t, text) })
}
