package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// program is a function's native program with its settings.
type program struct {
	path string
	env  []string
	// log is the file to which its errors are appended.
	log string
}

// instance is a process that serves a function.
type instance struct {
	cmd  *exec.Cmd
	addr string
}

// begin starts a process and waits until it prints its address.
func (p program) begin() (*instance, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own copy
	cmd := exec.Command(p.path, "-listen", "127.0.0.1:0")
	cmd.Env, cmd.Stderr = p.env, log
	// The process has its own group, and ends with this one, as in process.Process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; build it with make build", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	i := &instance{cmd: cmd, addr: strings.TrimSpace(strings.TrimPrefix(line, "listening on "))}
	if err != nil {
		i.end()
		return nil, fmt.Errorf("%s exited before it listened; see %s", p.path, p.log)
	}
	return i, nil
}

// end kills the process and waits for it.
func (i *instance) end() {
	_ = i.cmd.Process.Kill() // an error means that it has ended
	_ = i.cmd.Wait()         // as does this
}

// forward sends the call to the process.
func (i *instance) forward(ctx context.Context, client *http.Client, c call) (outcome, error) {
	request, err := http.NewRequestWithContext(ctx, c.method, "http://"+i.addr+c.uri, bytes.NewReader(c.body))
	if err != nil {
		return outcome{}, err
	}
	request.Host = c.host
	response, err := client.Do(request)
	if err != nil {
		return outcome{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, largest))
	return outcome{status: response.StatusCode, contentType: response.Header.Get("Content-Type"), body: body}, err
}
