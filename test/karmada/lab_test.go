package karmada

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheLabRunsOnKarmada does what the lab tells people to try: a function is
// applied with kubectl, and its name resolves.
func TestTheLabRunsOnKarmada(t *testing.T) {
	s := stage(t)
	// A socket's path may not be long.
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	lab := exec.Command(filepath.Join(w.dir, "nearcast"), "lab", "--karmada", "--dir", filepath.Join(dir, "lab"))
	lab.Stdout, lab.Stderr = out, out
	lab.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- lab.Wait() }()
	printed := func() string {
		text, _ := os.ReadFile(out.Name()) // it is there
		return string(text)
	}
	defer func() {
		if t.Failed() {
			t.Log(tail(printed(), 40))
		}
	}()
	var kubectl []string
	s.within("the lab has started", 3*time.Minute, func() error {
		found := regexp.MustCompile(`(?m)^  (\S+ --kubeconfig \S+) get clusters$`).FindStringSubmatch(printed())
		if found == nil {
			return want("no such line yet", "the command that reaches the Karmada API")
		}
		kubectl = strings.Fields(found[1])
		return nil
	})
	// The lab's de-wide is asked; who is in the USA here is there too by the lab's table.
	ask := func(name string) string {
		return (&server{port: "5304"}).ask(name, "us")
	}
	const nearest = "127.0.1.2" // us-azure's gateway
	s.within("hello is answered by its nearest cluster", 2*time.Minute, func() error {
		return want(ask("hello.demo."+zone), nearest)
	})
	hello, err := os.ReadFile(filepath.Join(dir, "lab", "manifests", "hello.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.NewReplacer("hello", "mine", "    nearcast.dev/vip: 198.51.100.80\n", "").Replace(string(hello))
	apply := exec.Command(kubectl[0], append(kubectl[1:], "apply", "-f", "-")...)
	apply.Stdin = strings.NewReader(mine)
	if text, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	s.within("so is your own function", 2*time.Minute, func() error { return want(ask("mine.demo."+zone), nearest) })
	if err := lab.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the lab did not exit")
	}
	if _, err := os.Stat(filepath.Join(dir, "lab")); err == nil {
		t.Error("the lab left its directory behind")
	}
}
