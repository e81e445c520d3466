package main

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// The test's own program is run again: as the speaker, or as a test on a machine of its own.
const (
	asSpeaker   = "NEARCAST_TEST_SPEAKER"
	inNamespace = "NEARCAST_TEST_NAMESPACE"
)

func TestMain(m *testing.M) {
	if os.Getenv(asSpeaker) != "" {
		main()
	}
	os.Exit(m.Run())
}

// elsewhere runs the test again in a network and with mounts of its own, and reports whether it
// is there already. The number of histories is the one that somebody asked for, or these.
func elsewhere(t *testing.T, histories string) (here bool) {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a network and mounts of its own need root")
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-rapid.nofailfile", "-rapid.shrinktime=0s", "-rapid.checks=" + histories}
	flag.Visit(func(f *flag.Flag) { // the last one counts
		if strings.HasPrefix(f.Name, "rapid.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("SKIPPED: no namespaces can be made: %v", err)
	}
	if t.Logf("%s", out); err != nil {
		t.Error(err)
	}
	return false
}
