package main

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/program"
)

// TestSignalsDuringTheDrainNeitherEndItNorAreLost sends real signals to this process, each of which
// would end it if it were not handled.
func TestSignalsDuringTheDrainNeitherEndItNorAreLost(t *testing.T) {
	c := &cobra.Command{Run: func(c *cobra.Command, _ []string) { signalsDuringTheDrain(c.Context(), t) }}
	c.SetArgs([]string{})
	if status := program.Run(c, handled...); status != 0 {
		t.Errorf("status %d", status)
	}
}

func signalsDuringTheDrain(ctx context.Context, t *testing.T) {
	s := listen(ctx)
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
	if ctx.Err() != nil {
		t.Error("another handler received SIGTERM too")
	}
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
