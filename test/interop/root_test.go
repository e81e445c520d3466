package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"

	"github.com/nearcast/nearcast/internal/testkit/netns"
)

// prepare returns why network namespaces cannot be created, or nil. It also removes
// what killed runs left behind.
var prepare = sync.OnceValue(func() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for _, program := range []string{"ip", "unshare", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	probe := fmt.Sprintf("nc-%d-0-probe", os.Getpid())
	made, err := netns.New(probe)
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	return removeLeftovers()
})

var ours = regexp.MustCompile(`(?m)^nc-(\d+)-\S+`)

// removeLeftovers removes the namespaces of processes that are gone. So are the
// programs in them: none outlives its parent.
func removeLeftovers() error {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("ip netns list: %w", err)
	}
	for _, found := range ours.FindAllStringSubmatch(string(out), -1) {
		pid, err := strconv.Atoi(found[1])
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := netns.IP("netns", "del", found[0]); err != nil {
			return err
		}
	}
	return nil
}
