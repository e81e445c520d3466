package direct

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAReplyThatIsNotInTheBatchIsSentAtOnce covers a reply that is longer than the
// buffer, a second reply, and one that comes after the query was served.
func TestAReplyThatIsNotInTheBatchIsSentAtOnce(t *testing.T) {
	client, err := net.ListenPacket("udp", net.JoinHostPort(fixture.Loopback(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s, err := listen(netip.AddrPortFrom(netip.MustParseAddr(fixture.Loopback()), uint16(freePort(t))), 0)
	if err != nil {
		t.Fatal(err)
	}
	to := client.LocalAddr().(*net.UDPAddr)
	w := &writer{socket: s, room: make([]byte, 5), from: net.UDPAddr{IP: to.IP.To4(), Port: to.Port}}
	write := func(text string) {
		t.Helper()
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	arrives := func(want string) {
		t.Helper()
		_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 100)
		n, from, err := client.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want || from.String() != s.local.String() {
			t.Errorf("%q from %v, %v; want %q", buf[:n], from, err, want)
		}
	}
	room := w.room
	write("longer")
	arrives("longer")
	write("first")
	write("again")
	arrives("again")
	if n := w.collect(); string(room[:n]) != "first" {
		t.Errorf("%q is in the buffer", room[:n])
	}
	write("later")
	arrives("later")
	w.room, w.n = room, 0
	if n := w.collect(); n != 0 {
		t.Errorf("got a reply of %d octets, want none", n)
	}
	write("late")
	arrives("late")
	if string(room) != "first" {
		t.Errorf("the buffer was written after it was collected: %q", room)
	}
	s.close()
	if _, err := w.Write([]byte("too late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}
