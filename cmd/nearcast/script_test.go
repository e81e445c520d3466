package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nearcast": main})
}

// TestScripts runs the scenarios of testdata: files, commands and what they print.
func TestScripts(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d scenarios, %v", len(entries), err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}
