package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/nearcast/nearcast/internal/testkit/netns"
	"github.com/nearcast/nearcast/lab/process"
)

// world is two machines with a cable between them: the speaker's, with what is behind its VIPs,
// and the routers'. All that it has ends with it.
type world struct {
	dir     string
	here    *netns.Namespace // the speaker's
	there   *netns.Namespace // the routers'
	running []*process.Process
}

// newWorld makes the namespaces; routers is how many addresses the routers' has.
func newWorld(routers int) (w *world, err error) {
	dir, err := os.MkdirTemp("", "nc")
	if err != nil {
		return nil, err
	}
	w = &world{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	name := fmt.Sprintf("nc-%d-bench-", os.Getpid())
	if w.here, err = netns.New(name + "speaker"); err != nil {
		return w, err
	}
	if w.there, err = netns.New(name + "routers"); err != nil {
		return w, err
	}
	return w, w.connect(routers)
}

// connect lays the cable, and gives both machines their addresses.
func (w *world) connect(routers int) error {
	err := errors.Join(
		w.here.IP("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", w.there.Name),
		w.here.IP("address", "add", speakerAddress+"/24", "dev", "eth0"),
		w.here.IP("link", "set", "eth0", "up"), w.there.IP("link", "set", "eth0", "up"))
	for i := range routers {
		err = errors.Join(err, w.there.IP("address", "add", routerAddress(i)+"/24", "dev", "eth0"))
	}
	return err
}

// close ends the programs and removes the namespaces.
func (w *world) close() error {
	for _, p := range w.running {
		p.Stop(syscall.SIGKILL)
	}
	var errs []error
	for _, n := range []*netns.Namespace{w.here, w.there} {
		if n != nil {
			errs = append(errs, n.Close())
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
func (w *world) start(on *netns.Namespace, log string, command ...string) (*process.Process, error) {
	core := runtime.NumCPU() - 1
	if on == w.here {
		core = 0
	}
	command = on.Command(append([]string{"taskset", "-c", fmt.Sprint(core)}, command...)...)
	p := &process.Process{Program: command[0], Args: command[1:], Log: filepath.Join(w.dir, log+".log")}
	w.running = append(w.running, p)
	return p, p.Start()
}

// file writes a file of the world and returns its path.
func (w *world) file(name, text string) (string, error) {
	path := filepath.Join(w.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
