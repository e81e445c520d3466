// Package dnssec_test has delv and Unbound validate what zones answer that plugin/nearcast
// signs, and asks Knot DNS, which signs the same zone on line too, beside it.
package dnssec_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/internal/directives"
	"github.com/nearcast/nearcast/internal/fixture"
)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	if err := directives.Install(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// loopback is where everything listens that a test starts.
const loopback = "127.0.0.1"

// patience with programs that start on a loaded machine.
const patience = 60 * time.Second

// freePort returns a port of 127.0.0.1 that nobody else here has been given.
func freePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(fixture.FreePort(t, loopback))
}

// run starts a program and ends it with the test. The end of its output is printed if
// the test fails.
func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	log := &fixture.Output{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			text := log.String()
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), text[max(0, len(text)-2000):])
		}
	})
}

// eventually tries until try returns nil.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
	}
}
