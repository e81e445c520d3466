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

// The test binary runs again: as the speaker, or as a test in its own namespaces.
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

// elsewhere runs the test again in its own network and mount namespaces, and reports whether it is
// already there. The number of histories is the one given on the command line, or these.
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
		t.Skip("SKIPPED: network and mount namespaces need root")
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-rapid.nofailfile", "-rapid.shrinktime=0s", "-rapid.checks=" + histories}
	flag.Visit(func(f *flag.Flag) { // the last flag counts
		if strings.HasPrefix(f.Name, "rapid.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("SKIPPED: cannot create namespaces: %v", err)
	}
	if t.Logf("%s", out); err != nil {
		t.Error(err)
	}
	return false
}
