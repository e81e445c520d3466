package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// TestTheImageStartsAsAnyUserOnPort53 unpacks an archive with GNU tar and starts its
// entry point as containerd does in a pod that drops all capabilities except
// NET_BIND_SERVICE and allows no escalation: in its own namespaces, as the user of the
// image.
func TestTheImageStartsAsAnyUserOnPort53(t *testing.T) {
	root, config := unpacked(t, put(t, image(t)), "coredns")
	fixture.Write(t, filepath.Join(root, "etc/nearcast/Corefile"), `fn.example.org {
    errors
    nearcast {
        cluster de-wide
        manifests /etc/nearcast/federation
        snapshot /var/lib/nearcast
        admin /run/nearcast/admin.sock
    }
}`)
	federation := filepath.Join(root, "etc/nearcast/federation")
	if err := os.Mkdir(federation, 0o755); err != nil {
		t.Fatal(err)
	}
	hello := fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: []string{"de-wide"}}
	fixture.Write(t, filepath.Join(federation, "all.yaml"), fixture.ThreeWith(hello))

	inNamespace(t, func() {
		out := start(t, root, config.Config.Entrypoint[0], append(config.Config.Entrypoint[1:], config.Config.Cmd...)...)
		answer := ask(t, out, "hello.demo.fn.example.org.", dns.TypeA)
		if len(answer.Answer) != 1 || !strings.HasSuffix(answer.Answer[0].String(), "192.0.2.4") {
			t.Errorf("answer:\n%s", answer)
		}
		// The command finds the server at its socket, in the same container.
		status := run(t, root, "/usr/local/bin/nearcast", "status", "--admin", "/run/nearcast/admin.sock")
		if !strings.Contains(status, "de-wide") {
			t.Errorf("nearcast status:\n%s", status)
		}
	})
}

// TestTheSpeakersImageStartsWithoutCapabilities: what the speaker does with the addresses needs one,
// and its file none.
func TestTheSpeakersImageStartsWithoutCapabilities(t *testing.T) {
	root, config := unpacked(t, put(t, speakerImage(t)), "speaker")
	inNamespace(t, func() {
		cmd := confined(root, config.Config.Entrypoint[0], "--help")
		cmd.SysProcAttr.AmbientCaps = nil
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Announce shared addresses") {
			t.Errorf("%s --help: %v\n%s", config.Config.Entrypoint[0], err, out)
		}
	})
}

// Without the file capability, the kernel refuses the port to the user of the image: the
// namespace of the test above does not by itself allow every port.
func TestPort53IsRefusedToTheImagesUserWithoutTheCapability(t *testing.T) {
	root, config := unpacked(t, put(t, image(t)), "coredns")
	fixture.Write(t, filepath.Join(root, "etc/nearcast/Corefile"), ".:53 {\n    whoami\n}")
	program := filepath.Join(root, config.Config.Entrypoint[0])
	if err := unix.Removexattr(program, "security.capability"); err != nil {
		t.Fatalf("%s has no capability: %v", program, err)
	}
	inNamespace(t, func() {
		cmd := confined(root, config.Config.Entrypoint[0], config.Config.Cmd...)
		cmd.SysProcAttr.AmbientCaps = nil
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "permission denied") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestTheImagesForARM64RunAndAreSmall compiles the other architecture and runs it in QEMU's user
// emulation.
func TestTheImagesForARM64RunAndAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: it compiles all programs for arm64")
	}
	qemu := peers.Find(t, "qemu-aarch64-static", "qemu-user-static")
	dir, err := compile(t.Context(), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, c := range []struct {
		recipe
		program, argument, want string
	}{
		{nearcast(), "coredns", "-plugins", "\nnearcast\n"},
		{nearcast(), "nearcast", "--help", "explain"},
		{speaker(), "nearcast-speaker", "--help", "Announce shared addresses"},
	} {
		m, err := assemble(parts{recipe: c.recipe, dir: dir, architecture: "arm64", created: at})
		if err != nil {
			t.Fatal(err)
		}
		small(t, m)
		root, _ := unpackedAs(t, put(t, m), c.name+"-arm64")
		out, err := qemu.Command(filepath.Join(root, bin, c.program), c.argument).CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s %s: %v\n%s", c.program, c.argument, err, out)
		}
	}
}

// index is the part of an archive's manifest.json that a runtime reads.
type index []struct {
	Config string
	Layers []string
}

// imageConfig is the part of an image's configuration that a runtime uses.
type imageConfig struct {
	Config struct {
		User            string
		Entrypoint, Cmd []string
	}
}

func unpacked(t *testing.T, dir, image string) (root string, config imageConfig) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: namespaces and file capabilities need root")
	}
	return unpackedAs(t, dir, image+"-"+runtime.GOARCH)
}

// unpackedAs unpacks the layers of an archive in order.
func unpackedAs(t *testing.T, dir, archive string) (root string, config imageConfig) {
	t.Helper()
	base := t.TempDir()
	untar(t, filepath.Join(dir, archive+".tar"), base)
	var a index
	read(t, filepath.Join(base, "manifest.json"), &a)
	read(t, filepath.Join(base, a[0].Config), &config)
	root = filepath.Join(base, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, layer := range a[0].Layers {
		untar(t, filepath.Join(base, layer), root)
	}
	for dir := base; dir != filepath.Dir(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755|os.ModeSticky); err != nil { // the user of the image traverses it
			t.Fatal(err)
		}
	}
	return root, config
}

func untar(t *testing.T, file, into string) {
	t.Helper()
	out, err := exec.Command("tar", "-xpf", file, "-C", into, "--numeric-owner", "--xattrs", "--xattrs-include=*").CombinedOutput()
	if err != nil {
		t.Fatalf("tar %s: %v\n%s", file, err, out)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// inNamespace calls f on a thread with its own network, in which only loopback is up, and
// which cannot gain any capability except NET_BIND_SERVICE.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := confine()
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func confine() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if capability == unix.CAP_NET_BIND_SERVICE {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) { // unknown to this kernel
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// confined returns a program as a runtime starts it: with the image as its root, as its
// user, with the capabilities of the container.
func confined(root, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot:      root,
		Credential:  &syscall.Credential{Uid: nonroot, Gid: nonroot},
		AmbientCaps: []uintptr{unix.CAP_NET_BIND_SERVICE},
		Cloneflags:  unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}

// start starts a program and stops it with the test.
func start(t *testing.T, root, program string, args ...string) *fixture.Output {
	t.Helper()
	out := new(fixture.Output)
	cmd := confined(root, program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Errorf("%s: %v", program, err)
		return out
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s printed:\n%s", program, out)
		}
	})
	return out
}

func run(t *testing.T, root, program string, args ...string) string {
	t.Helper()
	out, err := confined(root, program, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// ask repeats a query over UDP and TCP until it is answered.
func ask(t *testing.T, out *fixture.Output, name string, kind uint16) *dns.Msg {
	t.Helper()
	question := new(dns.Msg)
	question.SetQuestion(name, kind)
	var answer *dns.Msg
	for _, network := range []string{"udp", "tcp"} {
		err := errors.New("never asked")
		for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			client := dns.Client{Net: network, Timeout: time.Second}
			answer, _, err = client.Exchange(question, net.JoinHostPort("127.0.0.1", "53"))
			if err == nil && answer.Rcode != dns.RcodeSuccess {
				err = fmt.Errorf("rcode %s", dns.RcodeToString[answer.Rcode])
			}
		}
		if err != nil {
			t.Errorf("over %s: %v\n%s", network, err, out)
			return new(dns.Msg)
		}
	}
	return answer
}
