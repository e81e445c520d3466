package manifest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// said loads one file, and returns its declarations and messages.
func said(t *testing.T, name, text string) (names, faults string) {
	t.Helper()
	dir := fixture.Dir(t, map[string]string{name: text})
	listing, err := New(dir).Load()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range listing.Objects() {
		all = append(all, federation.MetaOf(o).Name)
	}
	var found []string
	for _, f := range listing.All() {
		found = append(found, strings.TrimPrefix(f.Error(), dir+"/"))
	}
	return strings.Join(all, " "), strings.Join(found, "\n")
}

const (
	labels  = `labels: {nearcast.dev/function: "true"}`
	service = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x, " + labels + "}\n"
	inJSON  = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "%s", "namespace": "x", "labels": {"nearcast.dev/function": "true"}}}`
)

func object(name string) string { return fmt.Sprintf(inJSON, name) }

// TestEveryFormThatKubectlAcceptsIsRead also checks that there is no message.
func TestEveryFormThatKubectlAcceptsIsRead(t *testing.T) {
	indented := strings.NewReplacer("{", "{\n\t", ", ", ",\n\t", "}", "\n}").Replace(object("a"))
	for what, c := range map[string]struct{ file, text, want string }{
		"metadata by an alias": {"f.yaml", "x: &m {name: a, namespace: x, " + labels + "}\napiVersion: v1\nkind: Service\nmetadata: *m\n", "a"},
		"labels and annotations by aliases": {"f.yaml", "x: &l {nearcast.dev/function: \"true\"}\ny: &a {nearcast.dev/ttl: \"5\"}\n" +
			"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x, labels: *l, annotations: *a}\n", "a"},
		"a kind by an alias": {"f.yaml", "apiVersion: &v v1\nx: &k Service\nkind: *k\nmetadata: {name: &n a, namespace: *n, " + labels + "}\n", "a"},
		"keys by aliases":    {"f.yaml", "x: [&m metadata, &n name]\napiVersion: v1\nkind: Service\n*m : {*n : a, namespace: x, " + labels + "}\n", "a"},
		"a merged mapping":   {"f.yaml", "x: &b {namespace: x, name: b, " + labels + "}\napiVersion: v1\nkind: Service\nmetadata:\n  <<: *b\n  name: a\n", "a"},
		"two merged mappings, the first wins": {"f.yaml", "x: [&a {name: a}, &b {name: b, namespace: x, " + labels + "}]\n" +
			"apiVersion: v1\nkind: Service\nmetadata: {<<: [*a, *b]}\n", "a"},
		"a merged object": {"f.yaml", "apiVersion: v1\nkind: List\nx: &s {apiVersion: v1, kind: Service}\nitems:\n" +
			"- {<<: *s, metadata: {name: a, namespace: x, " + labels + "}}\n- {metadata: {name: b, namespace: x, " + labels + "}, <<: *s}\n", "a b"},
		"items by an alias":            {"f.yaml", "apiVersion: v1\nkind: List\nx: &i\n- " + object("a") + "\nitems: *i\n", "a"},
		"an item by an alias":          {"f.yaml", "apiVersion: v1\nkind: List\nx: &i " + object("a") + "\nitems: [*i]\n", "a"},
		"lists in lists":               {"f.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ServiceList\n  items: [" + object("a") + "]\n- " + object("b"), "a b"},
		"a typed list":                 {"f.json", `{"apiVersion": "v1", "kind": "ServiceList", "items": [{"metadata": {"name": "a", "namespace": "x", "labels": {"nearcast.dev/function": "true"}}}]}`, "a"},
		"an empty list":                {"f.yaml", "apiVersion: v1\nkind: List\nitems: []\n---\napiVersion: v1\nkind: List\nitems: null\n---\napiVersion: v1\nkind: ServiceList\nitems:\n", ""},
		"JSON after JSON":              {"f.json", object("a") + object("b") + "\n" + object("c"), "a b c"},
		"one object per line":          {"f.ndjson", object("a") + "\n" + object("b") + "\r\n\n" + object("c") + "\n", "a b c"},
		"one object per line, .jsonl":  {"f.JSONL", object("a") + "\n" + object("b"), "a b"},
		"JSON over lines, with tabs":   {"f.json", indented + "\n" + object("b"), "a b"},
		"JSON and escapes":             {"f.json", strings.Replace(object("a"), "{", `{"x": "\ud83d\ude00 \/", "n": 1e3, "z": null, `, 1), "a"},
		"JSON and YAML documents":      {"f.yaml", object("a") + "\n---\n" + object("b"), "a b"},
		"JSON with a byte order mark":  {"f.json", "\ufeff" + object("a") + object("b"), "a b"},
		"YAML with a byte order mark":  {"f.yaml", "\ufeff" + service, "a"},
		"UTF-16, as PowerShell writes": {"f.yaml", "\xff\xfe" + string(bytes.Join(bytes.Split([]byte(service), nil), []byte{0})) + "\x00", "a"},
		"carriage returns":             {"f.yaml", strings.ReplaceAll("---\n"+service+"---\n", "\n", "\r\n"), "a"},
		"comments beside markers":      {"f.yaml", "# one\n--- # two\n" + service + "--- # three\n# nothing\n---\n" + object("b") + "\n...\n", "a b"},
		"an extension in capitals":     {"F.YAML", service, "a"},
		"an extension in mixed case":   {"f.Json", object("a"), "a"},
		"keys that are numbers":        {"f.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: x\n  labels: {1: \"x\", 2.50: y, true: z, nearcast.dev/function: \"true\"}\n", "a"},
		"times without quotes":         {"f.yaml", "apiVersion: v1\nkind: Service\nmetadata: {creationTimestamp: 2026-01-10T08:00:00Z, name: a, namespace: x, " + labels + ", annotations: {seen: 2026-01-10}}\n", "a"},
	} {
		if names, faults := said(t, c.file, c.text); names != c.want || faults != "" {
			t.Errorf("%s: read %q, want %q; %s", what, names, c.want, faults)
		}
	}
}

// TestIgnoredObjectsAreNotValidated: a directory may contain anything that is applied to
// a cluster.
func TestIgnoredObjectsAreNotValidated(t *testing.T) {
	for _, text := range []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  53: x\n  true: y\n",
		"apiVersion: v1\nkind: Pod\nspec: {containers: none}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: [a]\nstringData: {a: a, a: b}\n",
		"apiVersion: apps/v1beta1\nkind: ReplicaSet\nmetadata: {name: x}\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: 7\n",
		"apiVersion: skaffold/v4beta11\nkind: Config\n",
		"apiVersion: example.org/v1\nkind: AllowList\nspec: {a: &a 1, b: *a}\n",
		`{"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": 1e999}}`,
	} {
		if names, faults := said(t, "f.yaml", text); names+faults != "" {
			t.Errorf("%s: read %q; %s", text, names, faults)
		}
	}
}

// TestAFaultSaysWhatWhereAndWhatToDo also checks that everything beside it is read.
func TestAFaultSaysWhatWhereAndWhatToDo(t *testing.T) {
	for _, c := range []struct{ file, text, names, want string }{
		{"f.yaml", service + "---\n{{- if .Values.x }}\nkind: x\n{{- end }}\n", "", "f.yaml:5: looks like a Helm template ({{ ... }}): render it with `helm template` first"},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n", "", "f.yaml:1: looks like a Helm template"},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: \"{{ .Release.Name }}-web\"\n", "", "f.yaml:1: looks like a Helm template"},
		{"f.yaml", service + "spec: {{ .Values.spec }}\n", "", "f.yaml:1: Service x/a: looks like a Helm template"},
		{"f.yaml", "{{ include \"all\" . }}\n", "", "f.yaml:1: looks like a Helm template"},
		{"Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n", "", "Chart.yaml:1: is a Helm chart's: render the chart with `helm template`, and use its output"},
		{"values.yaml", "# x\nreplicas: 2\n", "", "values.yaml:2: is not a Kubernetes object: apiVersion and kind are required"},
		{"kustomization.yaml", "resources: [a.yaml]\n", "", "kustomization.yaml: is a file of kustomize: run `kustomize build`, and use its output"},
		{"Kustomization", "resources: [a.yaml]\n", "", "Kustomization: is a file of kustomize"},
		{"kustomization.yml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "", "kustomization.yml: is a file of kustomize"},
		{"f.yaml", service + "spec:\n  ports:\n\t- port: 80\n", "", "f.yaml:6: is not YAML: it is indented with a tab; use spaces"},
		{"f.yaml", "a:\n  b: 1\n\tc: 2\n", "", "f.yaml:3: is not YAML: it is indented with a tab; use spaces"},
		{"f.yaml", "a: |\n\tx\n", "", "f.yaml:2: is not YAML: it is indented with a tab; use spaces"},
		{"f.yaml", "a: b: c\n", "", "f.yaml:1: is not YAML: mapping values are not allowed in this context"},
		{"f.json", object("a") + "\n\n" + `{"apiVersion": "v1", "kind": }`, "", "f.json:3: is not JSON: invalid character '}'"},
		{"f.ndjson", object("a") + "\n" + object("b")[:30], "", "f.ndjson:2: is not JSON: unexpected EOF"},
		{"f.json", `{"a": ` + strings.Repeat("[", 20000), "", "f.json:1: is not JSON: nested more than 10000 deep"},
		{"f.json", "\n[" + object("a") + "]", "", "f.json:2: is a list: put its objects into the items of one object with `apiVersion: v1` and `kind: List`, as kubectl also requires"},
		{"f.yaml", "- apiVersion: v1\n  kind: Service\n", "", "f.yaml:1: is a list: "},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web, " + labels + "}\n---\n" + service, "a", "f.yaml:1: Service web: metadata.namespace is required: a file has no current namespace"},
		{"f.json", `{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": ""}}`, "", "f.json:1: Ingress web: metadata.namespace is required"},
		{"f.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: null}\n", "", "f.yaml:1: Deployment web: metadata.namespace is required"},
		{"f.yaml", "\napiVersion: work.karmada.io/v1alpha2\nkind: ResourceBinding\nmetadata: {name: web}\n", "", "f.yaml:2: ResourceBinding web: metadata.namespace is required"},
		{"f.yaml", "apiVersion: networking.karmada.io/v1alpha1\nkind: MultiClusterService\nmetadata: {name: web}\n", "", "f.yaml:1: MultiClusterService web: metadata.namespace is required"},
		{"f.yaml", service + "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\n", "a", "f.yaml:5: StatefulSet web: metadata.namespace is required"},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x, labels: {nearcast.dev/function: true}}\n", "", "f.yaml:1: Service x/a: metadata.labels"},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x, name: b}\n", "", `f.yaml:1: Service x/a: the key name is given twice, on lines 3 and 3`},
		{"f.yaml", "x: &a\n  nearcast.dev/ttl: soon\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a, namespace: x, annotations: *a, " + labels + "}}\n", "",
			"f.yaml:2: Service x/a: nearcast.dev/ttl: "},
		{"f.yaml", "x: &a {nearcast.dev/ttl: soon}\n---\n" + service, "a", "f.yaml:1: is not a Kubernetes object"},
		{"f.yaml", "apiVersion: v1\nkind: List\nx: &i " + object("a") + "\nitems:\n- *i\n- *i\n", "a", "f.yaml:6: Service x/a: is already declared at "},
		{"f.yaml", "apiVersion: v1\nkind: List\nitems: &a\n- *a\n", "", "f.yaml:1: anchor value contains itself"},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata: &m\n  <<: *m\n  name: a\n", "", "f.yaml:1: anchor value contains itself"},
		{"f.yaml", "apiVersion: v1\nkind: Service\nmetadata: *m\n", "", "f.yaml:1: is not YAML: unknown anchor referenced"},
		{"f.yaml", "\x1f\x8b\x08\x00", "", "f.yaml: is compressed (gzip); decompress it"},
		{"f.json", "\x28\xb5\x2f\xfd\x04", "", "f.json: is compressed (zstd); decompress it"},
		{"f.yaml.GZ", "", "", "f.yaml.GZ: is compressed (gzip); decompress it"},
		{"f.yaml.xz", "", "", "f.yaml.xz: is compressed (xz); decompress it"},
		{"all.tar.bz2", "", "", "all.tar.bz2: is compressed (bzip2); decompress it"},
		{"all.zip", "", "", "all.zip: is an archive (zip); unpack it"},
		{"all.tar", "", "", "all.tar: is an archive (tar); unpack it"},
	} {
		names, faults := said(t, c.file, c.text)
		if names != c.names || !strings.HasPrefix(faults, c.want) || strings.Contains(faults, "\n") {
			t.Errorf("%s of\n%s\nread %q, reported\n%s\nwant\n%s", c.file, c.text[:min(len(c.text), 200)], names, faults, c.want)
		}
	}
}

func TestBackupsAndHiddenFilesAreIgnored(t *testing.T) {
	for _, name := range []string{".f.yaml", "f.yaml~", "#f.yaml#", ".#f.yaml", "f.yaml.swp", "f.yaml.bak", "f.yaml.orig", "README", "notes.md"} {
		if names, faults := said(t, name, service); names+faults != "" {
			t.Errorf("%s: read %q; %s", name, names, faults)
		}
	}
}

func TestAFileGivenByNameIsReadWhateverItsName(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"noext": service, "f.txt": service, ".hidden": service})
	for _, name := range []string{"noext", "f.txt", ".hidden"} {
		listing, err := New(filepath.Join(dir, name)).Load()
		if err != nil || len(listing.Objects()) != 1 || len(listing.All()) > 0 {
			t.Errorf("%s: %v, %d objects, %v", name, err, len(listing.Objects()), listing.All())
		}
	}
}

func TestCompressedFilesAreKnownByTheirContent(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(service))
	_ = w.Close()
	archive := make([]byte, 512)
	copy(archive[257:], "ustar")
	for content, want := range map[string]string{
		packed.String(): "gzip", "BZh91AY&SY": "bzip2", "\xfd7zXZ\x00\x00": "xz", "PK\x03\x04\x14": "zip", string(archive): "tar",
		service: "", "": "", "PK: x": "", "B": "",
	} {
		if format, yes := Compressed("f.yaml", []byte(content)); format != want || yes != (want != "") {
			t.Errorf("%.10q: %q, want %q", content, format, want)
		}
	}
}

// TestAliasesThatGrowAreRefused: a kilobyte that expands to gigabytes takes neither their
// time nor their memory, wherever it is.
func TestAliasesThatGrowAreRefused(t *testing.T) {
	bomb := func(leaf, list string) string {
		text := "a0: &a0 [" + leaf + "]\n"
		for i := range 12 {
			text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf(list, i)+",", 10), ","))
		}
		return text
	}
	for what, text := range map[string]string{
		"in a supported object":    service + bomb("x", "*a%d"),
		"in an unsupported object": "apiVersion: v1\nkind: ConfigMap\n" + bomb("x", "*a%d"),
		"as lists in lists":        "apiVersion: v1\nkind: List\n" + bomb(object("a"), "{apiVersion: v1, kind: List, items: *a%d}") + "items: *a12\n",
	} {
		began := time.Now()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		names, faults := said(t, "f.yaml", text)
		runtime.ReadMemStats(&after)
		if names != "" || faults != "f.yaml:1: document contains excessive aliasing" {
			t.Errorf("%s: read %q; %s", what, names, faults)
		}
		if took, used := time.Since(began), (after.TotalAlloc-before.TotalAlloc)>>20; took > 10*time.Second || used > 500 {
			t.Errorf("%s: took %v and %d MiB", what, took, used)
		}
	}
}

func TestAPipeIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	listing, err := New(path).Load()
	if err != nil || len(listing.Faults) != 1 || !strings.Contains(listing.Faults[0].Error(), "is not a regular file") {
		t.Errorf("%v, %v", err, listing.Faults)
	}
}

// TestTextThatLooksLikeATimeStaysAsItIsWritten: kubectl reads it as text.
func TestTextThatLooksLikeATimeStaysAsItIsWritten(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"f.yaml": "x: &d 2026-01-10\n" +
		"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: x, " + labels + ", annotations: {nearcast.dev/txt: *d}}\n"})
	listing, err := New(dir).Load()
	if err != nil || len(listing.Objects()) != 1 {
		t.Fatal(err, listing.All())
	}
	if texts := listing.Objects()[0].(*federation.Template).Texts; len(texts) != 1 || texts[0] != "2026-01-10" {
		t.Errorf("%q", texts)
	}
}
