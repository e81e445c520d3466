package admin

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain also runs as another program, which takes the given socket, reports that on
// its output, and holds it until its input ends.
func TestMain(m *testing.M) {
	socket := os.Getenv("ADMIN_TEST_SOCKET")
	if socket == "" {
		os.Exit(m.Run())
	}
	if _, err := Listen(socket, http.NotFoundHandler()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listens")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// program is another program that listens, or tried to.
type program struct {
	*exec.Cmd
	said string
	end  func()
}

func start(t *testing.T, socket string) *program {
	t.Helper()
	// It runs through a shell, because a child of this process might succeed it. A
	// process that a shell starts in the background does not read its input by itself.
	cmd := exec.Command("sh", "-c", `exec 3<&0; "$0" <&3 & wait`, os.Args[0])
	cmd.Env = append(os.Environ(), "ADMIN_TEST_SOCKET="+socket)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Cmd: cmd}
	p.end = sync.OnceFunc(func() { in.Close(); _ = cmd.Wait() })
	t.Cleanup(p.end)
	text := make([]byte, 1000)
	n, _ := out.Read(text) // "" for nothing
	p.said = strings.TrimSpace(string(text[:n]))
	return p
}

func TestTheSocketOfARunningProgramIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := start(t, path)
	if first.said != "listens" {
		t.Fatal(first.said)
	}
	before := stat(t, path)
	want := fmt.Sprintf("admin: %s is in use by another running program (process ", path)
	if s, err := Listen(path, http.NotFoundHandler()); err == nil {
		s.Close()
		t.Error("the socket was taken")
	} else if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if second := start(t, path); !strings.HasPrefix(second.said, want) {
		t.Errorf("a second program: %q", second.said)
	}
	if !os.SameFile(stat(t, path), before) {
		t.Error("the socket was replaced")
	}
	first.end()
	s, err := Listen(path, http.NotFoundHandler())
	if err != nil {
		t.Fatalf("after it stopped: %v", err)
	}
	s.Close()
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestAFileThatIsNotASocketIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	file, folder, link, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "folder"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	for _, err := range []error{os.WriteFile(file, []byte("precious"), 0o600), os.Mkdir(folder, 0o700), os.Symlink(file, link), os.Symlink("nowhere", dangling)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{file, folder, link, dangling} {
		before := stat(t, path)
		if s, err := Listen(path, http.NotFoundHandler()); err == nil {
			s.Close()
			t.Errorf("%s was taken", path)
		} else if want := "admin: " + path + " exists and is not a socket; remove it, or use another path"; err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if !os.SameFile(stat(t, path), before) {
			t.Errorf("%s was replaced", path)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestASocketThatNobodyListensOnIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close() // as a killed program leaves it
	s, err := Listen(path, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestASuccessorInThisProcessTakesTheSocketOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	answers := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Reply(w, text, 0, nil) })
	}
	first, err := Listen(path, answers("first"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(path, answers("second"))
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	var got string
	if err := Call(t.Context(), path, http.MethodGet, "/", nil, &got); err != nil || got != "second" {
		t.Errorf("%q, %v", got, err)
	}
	second.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket remains")
	}
}

// TestOneOfTheProgramsThatStartTogetherGetsTheSocket also checks that it answers there.
func TestOneOfTheProgramsThatStartTogetherGetsTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	const programs = 6
	said := make(chan string, programs)
	var all sync.WaitGroup
	for range programs {
		all.Go(func() { said <- start(t, path).said })
	}
	all.Wait()
	close(said)
	have := 0
	for text := range said {
		if text == "listens" {
			have++
		} else if !strings.Contains(text, "is in use by another running program") {
			t.Error(text)
		}
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if have != 1 || err != nil {
		t.Errorf("%d have the socket; %v", have, err)
	}
	if err == nil {
		conn.Close()
	}
}
