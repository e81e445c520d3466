package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/base/progress"
)

func TestTheErrorHasWhatAFailingCommandWrote(t *testing.T) {
	job := progress.Job{Doing: "compiling", After: time.Minute}
	err := during(job, []string{"sh", "-c", "echo x.go:1:1: undefined: y >&2; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "x.go:1:1: undefined: y") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want the command's message and status", err)
	}
	if err := during(job, []string{"true"}); err != nil {
		t.Errorf("got %v from true", err)
	}
	if err := during(job, []string{"nearcast-no-such-program"}); err == nil {
		t.Error("got no error for a missing program")
	}
}
