package hostile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/bgp/vip"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestADrainIsAcceptedOnAFullDisk fills the disk of a speaker's state, and makes
// it read-only: a drain takes effect immediately and is reported to be only in memory, by the
// command, the status, the log and a metric, and is written once the disk allows. The
// controls are a drain before, without a warning, and a write of ours that fails.
func TestADrainIsAcceptedOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a disk needs root")
	}
	for _, disk := range []struct {
		name, says  string
		take, again func(*fullDisk) error // it rejects writes; it accepts them again
	}{
		{"full", "no space left on device", (*fullDisk).fill, (*fullDisk).empty},
		{"read-only", "read-only file system", func(d *fullDisk) error { return d.remount("ro") }, func(d *fullDisk) error { return d.remount("rw") }},
	} {
		t.Run(disk.name, func(t *testing.T) {
			t.Parallel()
			d := newFullDisk(t)
			d.drain(t, "drain", "", "before")
			if text := d.written(); !strings.Contains(text, "before") {
				t.Fatalf("control: with free space, %q is on disk", text)
			}
			if err := disk.take(d); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.path("control"), make([]byte, 1<<16), 0o600); err == nil {
				t.Fatal("control: the disk still accepts files")
			}
			d.drain(t, "drain", disk.says, "while it rejects writes")
			d.drain(t, "undrain", disk.says, "")
			d.drain(t, "drain", disk.says, "the last")
			st := d.status(t)
			if len(st.Drains) != 1 || st.Drains[0].Reason != "the last" || !strings.Contains(st.DrainsUnsaved, disk.says) {
				t.Errorf("drains %v, unsaved %q", st.Drains, st.DrainsUnsaved)
			}
			if got := st.VIPs[0].Reason; got.Code != vip.Drained {
				t.Errorf("the VIP does not drain: %+v", got)
			}
			if !strings.Contains(d.log.String(), "cannot save drains") {
				t.Error("the log does not say that drains cannot be saved")
			}
			if got := d.metric(t, "nearcast_bgp_drains_unsaved"); got != "1" {
				t.Errorf("nearcast_bgp_drains_unsaved is %s", got)
			}
			if text := d.written(); !strings.Contains(text, "before") {
				t.Errorf("the earlier content of the disk is lost: %q", text)
			}
			if err := disk.again(d); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the drain is written once the disk allows", func() error {
				if st := d.status(t); st.DrainsUnsaved != "" || !strings.Contains(d.written(), "the last") {
					return fmt.Errorf("%s; on disk %q", st.DrainsUnsaved, d.written())
				}
				return nil
			})
		})
	}
}

// fullDisk is a speaker whose state is on a separate disk, in a mount namespace.
type fullDisk struct {
	*speaker
	state, metrics string
}

func newFullDisk(t *testing.T) *fullDisk {
	t.Helper()
	host := fixture.AnotherLoopback()
	d := &fullDisk{state: t.TempDir(), metrics: net.JoinHostPort(host, strconv.Itoa(fixture.FreePort(t, host)))}
	mounted := []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"`, d.state}
	d.speaker = newSpeakerUnder(t, mounted, fmt.Sprintf(`asn: 64512
routerID: 192.0.2.11
peers: [{address: 127.44.19.101, asn: 64500}]
vips: [{address: 198.51.100.53, forwarded: true, checks: [{tcp: {address: %q}, rise: 1}]}]
states: {draining: {dwell: 100ms, linger: 100ms}}
state: %s
metrics: %s`, d.metrics, d.state, d.metrics)) // it is there for itself
	eventually(t, "the VIP is up", func() error {
		if st := d.status(t); st.VIPs[0].State != vip.Up {
			return errors.New(string(st.VIPs[0].State))
		}
		return nil
	})
	return d
}

// path is a file of the disk as the machine sees it.
func (d *fullDisk) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(d.Process.Pid), "root", d.state, name)
}

func (d *fullDisk) written() string {
	text, _ := os.ReadFile(d.path("bgp-drains.json")) // "" for none
	return string(text)
}

// fill leaves no room for a byte.
func (d *fullDisk) fill() error {
	err := os.WriteFile(d.path("fill"), make([]byte, 1<<20), 0o600)
	if err == nil {
		return errors.New("a disk of 64 kB accepted 1 MB")
	}
	return nil
}

func (d *fullDisk) empty() error { return os.Remove(d.path("fill")) }

func (d *fullDisk) remount(how string) error {
	out, err := exec.Command("nsenter", "--mount", "--target", strconv.Itoa(d.Process.Pid), "mount", "-o", "remount,"+how, d.state).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// drain runs the command, which must succeed, and warn with this text or not at all.
func (d *fullDisk) drain(t *testing.T, what, warns, reason string) {
	t.Helper()
	args := []string{"bgp", what, "--admin", d.socket}
	if reason != "" {
		args = append(args, "--reason", reason)
	}
	out, err := exec.Command(filepath.Join(bin, "nearcast"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
	if got := strings.Contains(string(out), "warning: "); got != (warns != "") || !strings.Contains(string(out), warns) {
		t.Errorf("%s printed:\n%s\nwant %q", what, out, warns)
	}
}

func (d *fullDisk) metric(t *testing.T, name string) string {
	t.Helper()
	reply, err := http.Get("http://" + d.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return "absent"
}
