package main

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// TestSignalsDuringTheDrainNeitherEndItNorAreLost sends real signals to this process, which any
// of them would end if it were not taken.
func TestSignalsDuringTheDrainNeitherEndItNorAreLost(t *testing.T) {
	s := listen(context.Background())
	defer s.close()
	send := func(one syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(syscall.Getpid(), one); err != nil {
			t.Fatal(err)
		}
	}
	arrives := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s did not arrive", what)
		}
	}
	send(syscall.SIGPIPE)
	send(syscall.SIGHUP)
	arrives("SIGHUP", s.reload)
	send(syscall.SIGTERM)
	arrives("SIGTERM", s.ctx.Done())
	send(syscall.SIGHUP)
	arrives("SIGHUP while it drains", s.reload)
	select {
	case <-s.hurry:
		t.Fatal("SIGHUP ended the drain")
	default:
	}
	send(syscall.SIGINT)
	arrives("SIGINT after SIGTERM", s.hurry)
	send(syscall.SIGHUP)
	arrives("SIGHUP at the end", s.reload)
}
