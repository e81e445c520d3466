package main

import (
	"testing"

	"github.com/nearcast/nearcast/lab/functions/handler"
)

// The Computer Language Benchmarks Game publishes this output for 1000 steps.
const published = "-0.169075164\n-0.169087605\n"

func TestTheEnergyMatchesThePublishedOne(t *testing.T) {
	if got := answer(handler.Request{Method: "GET", URI: "/?steps=1000"}); got.Status != 200 || string(got.Body) != published {
		t.Errorf("got %d: %q, want %q", got.Status, got.Body, published)
	}
}

func TestStepsAreANumberWithinBounds(t *testing.T) {
	for _, uri := range []string{"/?steps=x", "/?steps=-1", "/?steps=50000001", "/?steps=%zz"} {
		if got := answer(handler.Request{Method: "GET", URI: uri}); got.Status != 400 {
			t.Errorf("%s: status %d, want 400", uri, got.Status)
		}
	}
}
