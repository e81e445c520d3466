package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAFunctionIsOfItsPackagesGroup(t *testing.T) {
	for symbol, want := range map[string]string{
		"runtime.mallocgc":                                                 "Go: the rest of its library, and the runtime",
		"crypto/tls.(*Conn).readRecordOrCCS":                               "Go: TLS and cryptography",
		"vendor/golang.org/x/crypto/chacha20poly1305.Seal":                 "Go: TLS and cryptography",
		"net/http.(*Server).Serve":                                         "Go: HTTP",
		"k8s.io/api/core/v1.(*Pod).Marshal":                                "Kubernetes: the types of `core/v1`",
		"type:.eq.k8s.io/api/core/v1.Container":                            "Kubernetes: the types of `core/v1`",
		"gopkg.in/yaml%2ev3.yaml_parser_parse":                             "YAML",
		"github.com/nearcast/nearcast/internal/site.(*Site).publish.func1": "Nearcast",
		"main.main": "Nearcast",
		"slices.insertionSortCmpFunc[go.shape.struct { github.com/miekg/dns.a int }]": "Go: the rest of its library, and the runtime",
		"github.com/gaissmai/bart.(*Table[go.shape.int]).Lookup":                      "locations: prefixes and databases",
		"example.org/unheard.Of": others,
	} {
		if got := groupOf(packageOf(symbol)); got != want {
			t.Errorf("%s is of %q, want %q", symbol, got, want)
		}
	}
}

// built builds this program with the linker's flags.
func built(t *testing.T, flags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weigh")
	if out, err := exec.Command("go", "build", "-ldflags="+flags, "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func TestAProgramWithoutSymbolsIsRefusedWithTheFlag(t *testing.T) {
	if _, err := weigh(built(t, "-s -w")); err == nil || !strings.Contains(err.Error(), "build it without -ldflags=-s") {
		t.Errorf("got %v", err)
	}
}

// TestWhatIsWeighedAddsUp weighs this program: few of its octets are of no group, and each group has a row.
func TestWhatIsWeighedAddsUp(t *testing.T) {
	w, err := weigh(built(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if sum := w.sum(); sum < 1e6 || w[others]*20 > sum {
		t.Errorf("of %d octets, %d are of no group", sum, w[others])
	}
	var text strings.Builder
	if err := table(&text, []string{"a/test"}, []weights{w}); err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| [^|]+ \| [0-9.]+ \|$`).FindAllString(text.String(), -1)
	if len(rows) != len(w) {
		t.Errorf("%d rows of %d groups:\n%s", len(rows), len(w), &text)
	}
}

func TestWhatIsNoProgramIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := weigh(path); err == nil {
		t.Error("no error")
	}
}
