package lab

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is one program of a site, with its output in a file.
type process struct {
	program string
	args    []string
	log     string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd ended
}

// start runs the program unless it is running.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		return nil
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(p.program, p.args...)
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own, so that Ctrl-C reaches the lab alone; and no life
	// without it, however it ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("lab: %s: %w", p.program, err)
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
func (p *process) alive() bool {
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

func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive()
}

// grace is how long a program may take to end by itself.
const grace = 8 * time.Second

// stop sends the signal and waits; a program that does not end is killed.
func (p *process) stop(signal syscall.Signal) {
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
