// Package peers brings independent software to the tests: programs from Debian's
// packages, unpacked into a cache and never installed, so that no service of
// theirs is started.
package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/base/progress"
)

// Program is a program that is ready to be run.
type Program struct {
	path string
	env  []string
	root string // of the unpacked package, or of the machine
}

// File returns the one file of the program's package that matches the pattern,
// which is relative to the root of the file system.
func (p Program) File(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(p.root, pattern))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s beside %s: %d found: %w", pattern, p.path, len(found), err)
	}
	return found[0], nil
}

// Command returns the program with arguments.
func (p Program) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.path, args...)
	cmd.Env = append(os.Environ(), p.env...)
	return cmd
}

// Overlaid returns the program with arguments, in a mount namespace in which its package and the packages
// unpacked at others lie over /usr: some programs look for their modules at absolute paths. It is an error if the
// process may not mount.
func (p Program) Overlaid(others []string, args ...string) (*exec.Cmd, error) {
	cmd := p.Command(args...)
	if p.root == "/" {
		return cmd, nil
	}
	layers := filepath.Join(p.root, "usr")
	for _, root := range others {
		layers += ":" + filepath.Join(root, "usr")
	}
	mount := fmt.Sprintf("mount -t overlay overlay -o lowerdir=%s:/usr /usr", layers)
	if out, err := exec.Command("unshare", "--mount", "sh", "-c", mount).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s is not installed, and private mounts are not possible: %w: %s", filepath.Base(p.path), err, out)
	}
	private := exec.Command("unshare", append([]string{"--mount", "sh", "-c", mount + ` && exec "$0" "$@"`}, cmd.Args...)...)
	private.Env = cmd.Env
	return private, nil
}

var mu sync.Mutex

// Library returns the root of a Debian package that has no program, unpacked. If
// it is not available, Library skips the test with the reason.
func Library(t testing.TB, debianPackage string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	root, err := unpack(debianPackage)
	if err != nil {
		t.Skipf("SKIPPED: Debian's %s is not available: %v", debianPackage, err)
	}
	return root
}

// Find returns a program as Get does. If it is not available, Find skips the
// test with the reason.
func Find(t testing.TB, program, debianPackage string) Program {
	t.Helper()
	p, err := Get(program, debianPackage)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return p
}

// Get returns a program: the machine's own, or that of a Debian package.
func Get(program, debianPackage string) (Program, error) {
	mu.Lock()
	defer mu.Unlock()
	if path, err := exec.LookPath(program); err == nil {
		return Program{path: path, root: "/"}, nil
	}
	root, err := unpack(debianPackage)
	if err != nil {
		return Program{}, fmt.Errorf("%s is not on this machine, and Debian's %s is not available: %w", program, debianPackage, err)
	}
	for _, dir := range []string{"usr/bin", "usr/sbin", "bin", "sbin"} {
		path := filepath.Join(root, dir, program)
		if _, err := os.Stat(path); err == nil {
			libraries, _ := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*")) // the pattern is well formed
			return Program{path: path, env: []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")}, root: root}, nil
		}
	}
	return Program{}, fmt.Errorf("no %s in Debian's %s", program, debianPackage)
}

// cache is where packages are kept: NEARCAST_CACHE, which the Makefile sets, or
// the user's cache.
func cache() (string, error) {
	if dir := os.Getenv("NEARCAST_CACHE"); dir != "" {
		return filepath.Join(dir, "peers"), nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "nearcast", "peers"), err
}

// unpack downloads the package and what it needs beyond the machine's own, and
// returns the folder into which they are unpacked.
func unpack(debianPackage string) (string, error) {
	base, err := cache()
	if err != nil {
		return "", err
	}
	root := filepath.Join(base, debianPackage)
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	archives := filepath.Join(base, "archives", debianPackage)
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return "", err
	}
	job := progress.Job{
		Doing: "downloading Debian's " + debianPackage,
		Why:   "tests run it beside Nearcast",
		Takes: "half a minute",
		Kept:  root,
	}
	err = job.Run(os.Stderr, func(func(string)) error { return download(debianPackage, archives) })
	if err != nil {
		return "", err
	}
	packages, _ := filepath.Glob(filepath.Join(archives, "*.deb")) // the pattern is well formed
	if len(packages) == 0 {
		return "", errors.New("nothing was downloaded")
	}
	// Unpack beside and rename, so that a half-made folder is never taken for whole.
	half := root + ".part"
	if err := os.RemoveAll(half); err != nil {
		return "", err
	}
	for _, deb := range packages {
		if out, err := exec.Command("dpkg", "-x", deb, half).CombinedOutput(); err != nil {
			return "", fmt.Errorf("dpkg -x %s: %w: %s", deb, err, out)
		}
	}
	return root, os.Rename(half, root)
}

// downloadTimeout bounds what apt may take: behind a firewall that drops packets it
// would try for longer than the tests may run.
const downloadTimeout = 3 * time.Minute

// download asks apt for the package and its dependencies. The lists of a new
// machine are empty, and are fetched when the first try fails.
func download(debianPackage, to string) error {
	ctx, cancel := context.WithTimeout(context.Background(), downloadTimeout)
	defer cancel()
	get := func() error {
		cmd := exec.CommandContext(ctx, "apt-get", "install", "--download-only", "--yes", "--no-install-recommends",
			"-o", "Dir::Cache::archives="+to, debianPackage)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			return fmt.Errorf("apt-get: %w: %s", err, lines[len(lines)-1])
		}
		return nil
	}
	if get() == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "apt-get", "update").CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get update: %w: %s", err, out)
	}
	return get()
}
