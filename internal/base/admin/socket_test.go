package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// says is a handler that answers with the text.
func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Reply(w, text, http.StatusOK, nil) })
}

// ask returns the answer, or the error.
func ask(t *testing.T, socket, path string) string {
	t.Helper()
	var text string
	if err := Call(t.Context(), socket, http.MethodGet, path, nil, &text); err != nil {
		return err.Error()
	}
	return text
}

func listenAt(t *testing.T, path string, handler http.Handler) *Server {
	t.Helper()
	s, err := Listen(path, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestTheNewestAnswersUntilItCloses has a configuration and its successor at one path;
// either may end first.
func TestTheNewestAnswersUntilItCloses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "admin.sock")
	before := listenAt(t, path, says("before"))
	after := listenAt(t, path, says("after"))
	if got := ask(t, path, "/"); got != "after" {
		t.Errorf("%s answers", got)
	}
	after.Close()
	if got := ask(t, path, "/"); got != "before" {
		t.Errorf("%s answers after its successor failed", got)
	}
	again := listenAt(t, path, says("again"))
	before.Close()
	before.Close() // which does nothing
	if got := ask(t, path, "/"); got != "again" {
		t.Errorf("%s answers after its predecessor ended", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	again.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket remains: %v", err)
	}
}

// TestARemovedSocketIsCreatedAgain removes the socket, or puts another one in its place.
func TestARemovedSocketIsCreatedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	listenAt(t, path, says("before"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listenAt(t, path, says("after"))
	if got := ask(t, path, "/"); got != "after" {
		t.Error(got)
	}
}

// TestAPartAnswersAtEverySocket has a part beside a handler, and one by itself.
func TestAPartAnswersAtEverySocket(t *testing.T) {
	dir := t.TempDir()
	both, alone := filepath.Join(dir, "both.sock"), filepath.Join(dir, "alone.sock")
	listenAt(t, both, says("handler"))
	listenAt(t, both, nil)
	listenAt(t, alone, nil)
	old := Offer("/part/", says("old part"))
	defer old.Close()
	part := Offer("/part/", says("part"))
	for _, step := range []struct {
		path, both, alone string
	}{
		{"/part/x", "part", "part"},
		{"/other", "handler", "/other: this server's configuration does not serve this path"},
		{"/part", "handler", "/part: this server's configuration does not serve this path"},
	} {
		if got := ask(t, both, step.path); got != step.both {
			t.Errorf("%s at both: %s", step.path, got)
		}
		if got := ask(t, alone, step.path); got != step.alone {
			t.Errorf("%s alone: %s", step.path, got)
		}
	}
	part.Close()
	if got := ask(t, alone, "/part/x"); got != "old part" {
		t.Error(got)
	}
	old.Close()
	err := Call(t.Context(), alone, http.MethodGet, "/part/x", nil, nil)
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != http.StatusNotImplemented {
		t.Errorf("%v", err)
	}
}

func TestASocketThatCannotBeCreatedIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(filepath.Join(path, "admin.sock"), nil); err == nil {
		t.Error("it listens, want an error")
	}
}

// TestARequestIsAnsweredBeforeItsHandlerEnds holds that a configuration that is replaced still
// answers, from all that it has, whoever had asked it.
func TestARequestIsAnsweredBeforeItsHandlerEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	slow := func(asked, proceed chan struct{}, ended *atomic.Bool) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(asked)
			<-proceed
			if ended.Load() {
				Reply(w, "too late", http.StatusOK, nil)
				return
			}
			Reply(w, "in time", http.StatusOK, nil)
		})
	}
	for name, begin := range map[string]func(http.Handler) (end func()){
		"a use of the socket": func(h http.Handler) func() { return listenAt(t, path, h).Close },
		"a part":              func(h http.Handler) func() { listenAt(t, path, nil); return Offer("/part/", h).Close },
	} {
		t.Run(name, func(t *testing.T) {
			asked, proceed, ended := make(chan struct{}), make(chan struct{}), new(atomic.Bool)
			end := begin(slow(asked, proceed, ended))
			listenAt(t, path, nil) // the successor keeps the socket
			answer, closed := make(chan string), make(chan struct{})
			go func() { answer <- ask(t, path, "/part/") }()
			<-asked
			go func() { end(); ended.Store(true); close(closed) }()
			select {
			case <-closed:
				t.Error("Close returned before the request was answered")
			case <-time.After(50 * time.Millisecond):
			}
			close(proceed)
			if got := <-answer; got != "in time" {
				t.Errorf("got %q, want the answer of a handler that still runs", got)
			}
			<-closed
		})
	}
}

// TestASocketWithoutAServerSaysWhatToDo names the socket once, and keeps the cause for errors.Is.
func TestASocketWithoutAServerSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	missing, left := filepath.Join(dir, "missing.sock"), filepath.Join(dir, "left.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as after SIGKILL
	l.Close()
	const hint = "; no server listens there: start it, or give the socket of one that runs"
	for socket, want := range map[string]struct {
		text  string
		cause error
	}{
		missing: {"connect: no such file or directory" + hint, syscall.ENOENT},
		left:    {"connect: connection refused" + hint, syscall.ECONNREFUSED},
	} {
		err := Call(t.Context(), socket, http.MethodGet, "/status", nil, nil)
		if fmt.Sprint(err) != "no answer on "+socket+": "+want.text || !errors.Is(err, want.cause) {
			t.Errorf("%v", err)
		}
	}
	if err := Call(t.Context(), "", http.MethodGet, "/status", nil, nil); fmt.Sprint(err) != `"" is not a socket` {
		t.Errorf("%v", err)
	}
	denied := unanswered("a.sock", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)})
	if denied.Error() != "no answer on a.sock: connect: permission denied; run this as the server's user" {
		t.Errorf("%v", denied)
	}
}
