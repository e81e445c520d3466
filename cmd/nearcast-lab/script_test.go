package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"nearcast-lab": main}) }

// TestScripts runs the scenarios of testdata: commands and what they print.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Files: []string{"testdata/usage.txtar"}})
}
