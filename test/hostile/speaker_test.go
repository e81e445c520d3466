package hostile

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// speaker is a running nearcast-speaker with an admin socket.
type speaker struct {
	*program
	dir, socket string
}

// newSpeaker starts a speaker of this configuration, on a machine of its own where
// there is one.
func newSpeaker(t *testing.T, on *namespace, config string) *speaker {
	t.Helper()
	if on == nil {
		return newSpeakerUnder(t, nil, config)
	}
	return newSpeakerUnder(t, on.Command(), config)
}

// newSpeakerUnder starts a speaker of this configuration, to which an admin socket is
// added, by a command that replaces itself by the one behind it, and waits until it
// answers.
func newSpeakerUnder(t *testing.T, under []string, config string) *speaker {
	t.Helper()
	dir, err := os.MkdirTemp("", "nc") // short, for the socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &speaker{dir: dir, socket: filepath.Join(dir, "bgp.sock")}
	s.configure(t, config)
	command := append(slices.Clone(under), filepath.Join(bin, "nearcast-speaker"), "--config", s.path())
	s.program = run(t, command[0], command[1:]...)
	eventually(t, "the speaker answers", func() error {
		_, err := s.ask()
		return err
	})
	return s
}

func (s *speaker) path() string { return filepath.Join(s.dir, "speaker.yaml") }

// configure writes the speaker's file, which it follows.
func (s *speaker) configure(t *testing.T, config string) {
	t.Helper()
	fixture.Write(t, s.path(), config+"\nadmin: "+s.socket+"\n")
}

func (s *speaker) ask() (st bgp.Status, err error) {
	err = admin.Call(context.Background(), s.socket, http.MethodGet, "/status", nil, &st)
	return st, err
}

func (s *speaker) status(t *testing.T) bgp.Status {
	t.Helper()
	st, err := s.ask()
	if err != nil {
		t.Fatal(err)
	}
	return st
}
