package main

import (
	"os"
	"path/filepath"
	"testing"
)

// sizes are what the programs of the minimal image may take, in octets.
var sizes = map[string]int64{
	"nearcast":         40e6,
	"nearcast-speaker": 33e6, // with every kind of Kubernetes it has 61e6
}

func TestTheProgramsAreSmall(t *testing.T) {
	dir, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	for program, limit := range sizes {
		file, err := os.Stat(filepath.Join(dir, minimal, program))
		if err != nil {
			t.Error(err)
			continue
		}
		if t.Logf("%s: %.1f MB", program, float64(file.Size())/1e6); file.Size() > limit {
			t.Errorf("%s has %d octets, of which %d are allowed: go build -ldflags=-dumpdep and go tool nm -size say of what", program, file.Size(), limit)
		}
	}
}
