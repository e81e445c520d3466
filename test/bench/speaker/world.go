package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/vishvananda/netns"

	"github.com/nearcast/nearcast/lab/process"
)

// world is two machines with a cable between them: the speaker's, with what is behind its VIPs,
// and the routers'. All that it has ends with it.
type world struct {
	dir     string
	here    string // the speaker's namespace
	there   string // the routers'
	handle  netns.NsHandle
	running []*process.Process
}

// newWorld makes the namespaces; routers is how many addresses the routers' has.
func newWorld(routers int) (w *world, err error) {
	dir, err := os.MkdirTemp("", "nc")
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("nc-%d-bench-", os.Getpid())
	w = &world{dir: dir, here: name + "speaker", there: name + "routers", handle: netns.None()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for _, args := range [][]string{
		{"netns", "add", w.here}, {"netns", "add", w.there},
		{"-n", w.here, "link", "set", "lo", "up"}, {"-n", w.there, "link", "set", "lo", "up"},
		{"-n", w.here, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", w.there},
		{"-n", w.here, "address", "add", speakerAddress + "/24", "dev", "eth0"},
		{"-n", w.here, "link", "set", "eth0", "up"}, {"-n", w.there, "link", "set", "eth0", "up"},
	} {
		if err := ip(args...); err != nil {
			return w, err
		}
	}
	for i := range routers {
		if err := ip("-n", w.there, "address", "add", routerAddress(i)+"/24", "dev", "eth0"); err != nil {
			return w, err
		}
	}
	w.handle, err = netns.GetFromName(w.here)
	return w, err
}

// close ends the programs and removes the namespaces.
func (w *world) close() error {
	for _, p := range w.running {
		p.Stop(syscall.SIGKILL)
	}
	var errs []error
	if w.handle.IsOpen() {
		errs = append(errs, w.handle.Close())
	}
	for _, name := range []string{w.here, w.there} {
		if _, err := os.Stat("/run/netns/" + name); err == nil {
			errs = append(errs, ip("netns", "del", name))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// tail is how much of a log helps to understand a failure, in octets.
const tail = 2000

// logs are the ends of what the programs have logged.
func (w *world) logs() string {
	var text strings.Builder
	for _, p := range w.running {
		log, err := os.ReadFile(p.Log)
		fmt.Fprintf(&text, "%s: %v\n%s\n", filepath.Base(p.Log), err, log[max(0, len(log)-tail):])
	}
	return text.String()
}

// start runs a program in a namespace, on one core; with several cores the first is the speaker's.
func (w *world) start(namespace, log string, command ...string) (*process.Process, error) {
	core := runtime.NumCPU() - 1
	if namespace == w.here {
		core = 0
	}
	p := &process.Process{
		Program: "ip", Args: append([]string{"netns", "exec", namespace, "taskset", "-c", fmt.Sprint(core)}, command...),
		Log: filepath.Join(w.dir, log+".log"),
	}
	w.running = append(w.running, p)
	return p, p.Start()
}

// file writes a file of the world and returns its path.
func (w *world) file(name, text string) (string, error) {
	path := filepath.Join(w.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// within calls f on the speaker's machine. Sockets that f makes stay there.
func (w *world) within(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() { _ = home.Close() }()
	if err := netns.Set(w.handle); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		back := netns.Set(home)
		if back == nil { // otherwise the thread is lost with its goroutine
			runtime.UnlockOSThread()
		}
		err = errors.Join(err, back)
	}()
	return f()
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
