package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// router is a program that is one or several routers.
type router interface {
	// count is how many routers it is.
	count() int
	// routes returns how many routes the router has that has the fewest.
	routes() (int, error)
	// have returns how many routers have a route to the prefix.
	have(prefix string) (int, error)
	close()
}

const (
	speakerASN, routerASN = 64512, 64500
	speakerAddress        = "192.0.2.254"
	maxPeers              = 200

	startWait = 10 * time.Second
	askWait   = 30 * time.Second
)

func routerAddress(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

// startRouters starts BIRD for all routers but the last one of several, which is FRR's.
func (w *world) startRouters(n int) (b *bird, all []router, err error) {
	if n > 1 {
		f, err := w.startFRR(n - 1)
		if err != nil {
			return nil, nil, err
		}
		all, n = append(all, f), n-1
	}
	if b, err = w.startBIRD(n); err != nil {
		return nil, nil, err
	}
	return b, append(all, b), nil
}

// environment is the command with the variables that it has beside this program's, by env.
func environment(cmd *exec.Cmd) []string {
	command := []string{"env"}
	for _, variable := range cmd.Env[len(os.Environ()):] {
		name, folders, _ := strings.Cut(variable, "=")
		for _, folder := range filepath.SplitList(folders) {
			folders += ":" + filepath.Join(folder, "frr") // FRR keeps its libraries there
		}
		command = append(command, name+"="+folders)
	}
	return append(command, cmd.Args...)
}

// eventually tries until try returns nil.
func eventually(what string, bound time.Duration, try func() error) error {
	for start := time.Now(); ; time.Sleep(pollEvery) {
		err := try()
		if err == nil {
			return nil
		}
		if time.Since(start) > bound {
			return fmt.Errorf("%s: not within %s: %w", what, bound, err)
		}
	}
}
