package nearcast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeIsTrue starts every Corefile of the README, and checks that it documents
// every key of the block and every annotation.
func TestReadmeIsTrue(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	dir := federated(t, hello)
	if err := os.Rename(filepath.Join(dir, "manifests"), filepath.Join(dir, "federation")); err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, part := range strings.Split(readme, "~~~ corefile\n")[1:] {
		corefile, _, _ := strings.Cut(part, "~~~")
		corefile = strings.NewReplacer("/etc/nearcast", dir, "/var/lib/nearcast", filepath.Join(dir, "state"), "/run/nearcast", dir).Replace(corefile)
		corefile = strings.ReplaceAll(corefile, "fn.example.org {", "fn.example.org:0 {\nbind LOOPBACK")
		corefile = strings.ReplaceAll(corefile, "nearcast fn.example.org:0 {\nbind LOOPBACK", "nearcast fn.example.org {")
		corefile = strings.Replace(corefile, ". {", ".:0 {\nbind LOOPBACK", 1)
		examples++
		serve(t, corefile, dir)
	}
	if examples < 3 {
		t.Errorf("%d examples, want at least three", examples)
	}
	for key := range keys {
		if !strings.Contains(readme, "\n    "+key+" ") || !strings.Contains(readme, "`"+key+"`") {
			t.Errorf("the README does not document the key %s in its syntax and its text", key)
		}
	}
	sections := []string{"## Name", "## Description", "## Syntax", "## Metrics", "## Ready", "## Examples", "## Bugs"}
	at := -1
	for _, section := range sections {
		i := strings.Index(readme, "\n"+section+"\n")
		if i <= at {
			t.Errorf("%s is missing or out of order", section)
		}
		at = i
	}
}
