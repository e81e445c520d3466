package hostile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAFullDiskLosesNothing fills the disk of snapshot, drains and journal:
// answers and the feed's serial go on, a drain is in force and said to be only in memory,
// and what could not be written is, once the disk allows. The controls are the same before
// the disk is full, and a restart after it.
func TestAFullDiskLosesNothing(t *testing.T) {
	w := newWorld(t, fixture.Three[0], victim("bank", "login"))
	disk := smallDisk(t)
	socket := filepath.Join(w.dir, "admin.sock")
	corefile := `fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        feed de to 127.0.0.0/8
        snapshot ` + disk + `
        admin {dir}/admin.sock
    }
}`
	server := w.serve(t, corefile)
	eventually(t, "state is written", func() error {
		if kinds := listOf(t, disk); !strings.Contains(kinds, "state-") || !strings.Contains(kinds, "feed-") {
			return errors.New(kinds)
		}
		return nil
	})
	if said := drain(t, socket, "de-*"); strings.Contains(said, "memory") {
		t.Errorf("control: %s", said)
	}
	fill(t, disk)
	serial := w.serial(t)
	for i := range 3 { // each more than the blocks that the files have
		var crowd []fixture.Document
		for n := range 300 {
			crowd = append(crowd, victim("crowd", fmt.Sprintf("f%d-%d", i, n)))
		}
		w.write(t, "crowd", crowd...)
		w.follows(t, fmt.Sprintf("192.0.2.%d", 20+i))
	}
	eventually(t, "the serial advances on a full disk", func() error {
		if now := w.serial(t); now == serial {
			return errors.New(now)
		}
		return nil
	})
	if said := drain(t, socket, "us-*"); !strings.Contains(said, "drained at this site (cluster us-*)") || !strings.Contains(said, "only in memory") {
		t.Errorf("drain on a full disk: got %s", said)
	}
	if said := output(t, "status", "--admin", socket); !strings.Contains(said, "only in memory") {
		t.Errorf("status on a full disk: got %s", said)
	}
	for _, what := range []string{"drains: ", "cannot write the journal"} {
		if n := strings.Count(server.log.String(), what); n != 1 {
			t.Errorf("%q is in the log %d times, want 1", what, n)
		}
	}
	if names := listOf(t, disk); strings.Contains(names, ".state") || strings.Contains(names, ".drains") || strings.Contains(names, ".feed") {
		t.Errorf("temporary files remain: %s", names)
	}
	if err := os.Remove(filepath.Join(disk, "fill")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pending state is written", func() error {
		if said := output(t, "status", "--admin", socket); strings.Contains(said, "only in memory") || !strings.Contains(server.log.String(), "the journal is written again") {
			return errors.New(said)
		}
		return nil
	})
	_ = server.Process.Kill()
	_ = server.Wait()
	w.serve(t, corefile)
	if said := output(t, "status", "--admin", socket); !strings.Contains(said, "us-*") || !strings.Contains(said, "de-*") {
		t.Errorf("after a restart: %s", said)
	}
}

// smallDisk returns a directory on a separate disk of one mebibyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED: cannot mount a disk to fill: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill fills the disk.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
}

// listOf returns the names in a directory.
func listOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func drain(t *testing.T, socket, pattern string) string {
	t.Helper()
	return output(t, "drain", "--site", pattern, "--admin", socket)
}

// output returns what the command prints, and its errors.
func output(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(bin, "nearcast"), args...).CombinedOutput()
	if err != nil {
		return fmt.Sprint(string(out), err)
	}
	return string(out)
}

// serial returns that of the feed.
func (w *world) serial(t *testing.T) string {
	t.Helper()
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion("de._rpz.fn.example.org.", dns.TypeSOA), w.addr)
	if err != nil || len(reply.Answer) != 1 {
		t.Fatalf("%v, %v", reply, err)
	}
	return fmt.Sprint(reply.Answer[0].(*dns.SOA).Serial)
}
