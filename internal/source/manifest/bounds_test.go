package manifest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const aService = "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y, " + labels + "}\nspec:\n"

// TestFilesBeyondALimitAreRefusedByName compares the cost of each file per octet with
// that of a valid file of the same size, in which comments make the YAML library read every
// document.
func TestFilesBeyondALimitAreRefusedByName(t *testing.T) {
	good := strings.Repeat(strings.ReplaceAll(fixture.Documents(hello), "---", "--- #"), 2000)
	allowed := 2 * cost(t, good, "")
	var keys strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&keys, "  k%d: 1\n", i)
	}
	for what, c := range map[string]struct{ text, want string }{
		"one key many times":          {aService + strings.Repeat("  a: 1\n", 100000), "a mapping on line 5 has more than 4096 keys"},
		"a key twice":                 {aService + "  a: 1\n  a: 2\n" + strings.Repeat("# \n", 10000), "the key a is given twice, on lines 5 and 6"},
		"many keys":                   {aService + keys.String(), "has more than 4096 keys"},
		"many keys of a status":       {strings.Replace(aService, "spec:", "status:", 1) + keys.String(), "has more than 4096 keys"},
		"many keys and an alias":      {"x: &x 1\ny: *x\nz:\n" + keys.String(), "a mapping on line 4 has more than 4096 keys"},
		"many values":                 {aService + "  a: [" + strings.Repeat("[],", 1<<19) + "]\n", "has more than 262144 values"},
		"many in one document":        {"a: [" + strings.Repeat("[],", maxValues) + "]", "values in one document"},
		"many after document markers": {strings.Repeat("---a: ["+strings.Repeat("[],", maxValues/8)+"]\n", 9), "values in one document"},
		"many in JSON":                {"[" + strings.Repeat("[],", maxValues) + "[]]", "values in one document"},
		"many documents":              {strings.Repeat("---\n", maxDocuments+1), "documents: use several files"},
		"a NUL octet":                 {aService + "  a: \x00\n", "f.yaml:5: is not text: it contains a NUL octet"},
		"text that is not UTF-8":      {aService + "  a: \xff\n", "f.yaml:5: is not text: it is not UTF-8"},
	} {
		if used := cost(t, c.text, c.want); used > allowed {
			t.Errorf("%s: %.0f octets per octet of the file; a valid one takes %.0f", what, used, allowed/2)
		}
	}
}

// cost parses a file, expects the message want, and returns how much it allocates per
// octet.
func cost(t *testing.T, text, want string) float64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, fault := parse("f.yaml", []byte(text))
	runtime.ReadMemStats(&after)
	var said strings.Builder
	if fault != nil {
		fmt.Fprintln(&said, fault)
	}
	for _, f := range f.faults {
		fmt.Fprintln(&said, f)
	}
	for _, d := range f.documents {
		for _, f := range d.faults() {
			fmt.Fprintln(&said, f)
		}
	}
	if want == "" && said.Len() > 0 || !strings.Contains(said.String(), want) {
		t.Errorf("%.300s, want %q", said.String(), want)
	}
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(text))
}

// TestErrorsRepeatNothingOfAFileThatMayBeSecret has a secret in each place that a message
// might quote: a link in the directory may lead to any file.
func TestErrorsRepeatNothingOfAFileThatMayBeSecret(t *testing.T) {
	const secret = "hunter2-Correct.Horse"
	for _, text := range []string{
		secret, "PASSWORD=" + secret + "\n\tx: [", "a: *" + secret, "a: &" + secret + " [*" + secret + "]", "\"" + secret + "\": 1\n\"" + secret + "\": 2",
		"? {" + secret + ": 1}\n: 2", "!!int " + secret, "a: !!float " + secret, "!" + secret + " a", "%" + secret + "\n---\na", "a: b: " + secret,
		aService + "  " + secret + ": 1\n  " + secret + ": 2\n", aService + "  ports: " + secret + "\n", aService + "  ports: [{port: " + secret + "}]\n",
		aService + "  ports: [{port: !!int " + secret + "}]\n", "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y, creationTimestamp: " + secret + "}\n",
		"{\"" + secret + "\": " + secret + "}", "[\"" + secret, "{\"a\": \"" + secret + "\n\"}",
		"apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata: {name: x}\nstatus: {conditions: " + secret + ", resourceSummary: {allocatable: {cpu: " + secret + "}}}\n",
	} {
		f, fault := parse("f.yaml", []byte(text))
		said := fmt.Sprint(fault, f.faults)
		for _, d := range f.documents {
			said += fmt.Sprint(d.faults())
		}
		if strings.Contains(said, "hunter2") || strings.Contains(said, "Horse") {
			t.Errorf("%s\nis repeated in\n%s", text, said)
		}
	}
}

func TestWhatIsKeptOfRefusedDocumentsIsBounded(t *testing.T) {
	const n = 100000
	kept := map[int]uint64{}
	for _, n := range []int{1, n} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f, _ := parse("f.yaml", []byte(strings.Repeat("{}", n)))
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept[n] = after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
		if got := len(f.faults) + f.more; got != n || len(f.faults) > mostFaults {
			t.Errorf("%d faults kept, and %d counted, of %d", len(f.faults), f.more, n)
		}
	}
	if kept[n] > kept[1]+n {
		t.Errorf("%d octets are kept of %d refused documents of two", kept[n], n)
	}
}
