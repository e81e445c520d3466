package interop

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// loaded is more than twice the longest hold time that could expire.
const loaded = 20 * time.Second

// TestALoadedMachineWithdrawsNothing takes the processors away from routers and
// speakers alike.
func TestALoadedMachineWithdrawsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it keeps every processor busy")
	}
	type scenario struct {
		*scene
		name string
	}
	var scenes []scenario
	for _, b := range brands {
		for _, timers := range allTimers {
			s := newScene(t, b, timers)
			if timers.bfd {
				s.waitForBFD()
			}
			scenes = append(scenes, scenario{s, b.name + ", " + timers.name})
		}
	}
	start := time.Now()
	for range 2 * runtime.NumCPU() {
		busyLoop(t)
	}
	time.Sleep(loaded)
	for _, s := range scenes {
		if changes := s.vip.since(start); len(changes) != 1 || changes[0].is != s.site.v4 {
			t.Errorf("%s: the route changed under load: %v", s.name, changes)
			continue
		}
		t.Logf("%s: no withdrawal in %s of CPU load", s.name, loaded)
	}
}

// busyLoop keeps one processor busy until the test ends.
func busyLoop(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it never ends by itself
		_ = cmd.Wait()
	})
}
