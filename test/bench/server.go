package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

// server is a target that runs.
type server struct {
	target  target
	place   place
	queries string

	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd ended
}

// newServer writes what the target needs.
func (w *world) newServer(t target) (*server, error) {
	port, err := w.freePort()
	if err != nil {
		return nil, err
	}
	p := place{Dir: filepath.Join(w.dir, fmt.Sprint("server-", port)), Address: address, Port: port, target: t, world: w}
	if err := p.write(); err != nil {
		return nil, err
	}
	queries, err := w.queries(t)
	return &server{target: t, place: p, queries: queries}, err
}

const (
	// startWithin is how long a server may load.
	startWithin = 15 * time.Minute
	// askEvery is how exactly the time of loading is known.
	askEvery = 10 * time.Millisecond
	// answerWithin is how long one question waits while it loads.
	answerWithin = 500 * time.Millisecond
)

// start runs the server and waits until it answers rightly. It returns how long
// that took, and how much CPU.
func (s *server) start(ctx context.Context) (took, cpu time.Duration, err error) {
	begin := time.Now()
	if err := s.run(); err != nil {
		return 0, 0, err
	}
	for {
		err := s.ready()
		if err == nil {
			break
		}
		if time.Since(begin) > startWithin {
			return 0, 0, fmt.Errorf("not ready within %s: %w; its output: %s", startWithin, err, s.said())
		}
		select {
		case <-s.gone:
			return 0, 0, fmt.Errorf("it exited: %s", s.said())
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(askEvery):
		}
	}
	took = time.Since(begin)
	cpu, err = usage.CPU(s.cmd.Process.Pid)
	return took, cpu, err
}

// What manifests/nearcast tells Go's collector.
const deployedGOGC, deployedMemory = "400", "448MiB"

// uncollectedMemory has a server without the collector collect before the machine is full.
const uncollectedMemory = "8GiB"

func (s *server) run() error {
	cmd, err := s.target.program.command(s.place.Dir, s.target.program.args)
	if err != nil {
		return err
	}
	out, err := os.Create(s.log())
	if err != nil {
		return err
	}
	defer out.Close() // the server has its own
	switch {
	case s.target.deployed:
		cmd.Env = append(cmd.Environ(), "GOGC="+deployedGOGC, "GOMEMLIMIT="+deployedMemory)
	case s.target.uncollected:
		cmd.Env = append(cmd.Environ(), "GOGC=off", "GOMEMLIMIT="+uncollectedMemory)
	}
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own, so that what it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	s.cmd, s.gone = cmd, gone
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(gone)
	}()
	return nil
}

func (s *server) log() string { return filepath.Join(s.place.Dir, "log") }

// said is the end of the server's log.
func (s *server) said() string {
	text, _ := os.ReadFile(s.log()) // an empty one says as much
	return string(text[max(0, len(text)-2000):])
}

func (s *server) ready() error {
	addr := netip.AddrPortFrom(netip.MustParseAddr(s.place.Address), uint16(s.place.Port))
	for _, e := range s.target.expects(s.target) {
		if err := e.check(addr, answerWithin); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the server, if it runs.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL); errors.Is(err, syscall.ESRCH) {
		return
	}
	<-s.gone
}
