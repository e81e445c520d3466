// Package process runs a program as a child of this process, with its output in a file. The program never outlives
// this process.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program that may be started and stopped repeatedly. It is safe for concurrent use.
type Process struct {
	Program string
	Args    []string
	// Log is the file to which its output is appended.
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
	defer out.Close() // the child has its own copy
	cmd := exec.Command(p.Program, p.Args...)
	cmd.Stdout, cmd.Stderr = out, out
	// The program has its own group, so that Ctrl-C reaches only its parent; and it ends with its parent, however
	// that ends.
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

// alive requires mu to be held.
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

// PID returns the process ID of the running program, or 0.
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
		_ = p.cmd.Process.Signal(signal) // an error means that it has ended
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
	_ = p.cmd.Process.Signal(signal) // an error means that it has ended
	select {
	case <-p.gone:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}
