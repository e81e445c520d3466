package unixpeer

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestTheListenerIsNamedByItsProcess(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := PID(conn); got != os.Getpid() {
		t.Errorf("%d, want %d", got, os.Getpid())
	}
	one, two := net.Pipe()
	defer one.Close()
	defer two.Close()
	if got := PID(one); got != 0 {
		t.Errorf("a pipe has process %d", got)
	}
}
