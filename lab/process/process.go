// Package process runs a program beside this one, with its output in a file, and
// never longer than this one.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program that may be started and stopped again and again. It is
// safe for concurrent use.
type Process struct {
	Program string
	Args    []string
	// Log is the file that its output is added to.
	Log string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd ended
}

// Start runs the program unless it is running.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		return nil
	}
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(p.Program, p.Args...)
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own, so that Ctrl-C reaches its parent alone; and no life
	// without that, however it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.Program, err)
	}
	gone := make(chan struct{})
	p.cmd, p.gone = cmd, gone
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(gone)
	}()
	return nil
}

// alive is called with mu held.
func (p *Process) alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// Running reports whether the program runs.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive()
}

// PID returns the running program's process, or 0.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Signal sends a signal to the program, if it runs.
func (p *Process) Signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		_ = p.cmd.Process.Signal(signal) // an error says that it has ended
	}
}

// grace is how long a program may take to end by itself.
const grace = 8 * time.Second

// Stop sends the signal and waits; a program that does not end is killed.
func (p *Process) Stop(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return
	}
	_ = p.cmd.Process.Signal(signal) // an error says that it has ended
	select {
	case <-p.gone:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}
