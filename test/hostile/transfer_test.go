package hostile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// atLeast is an error where there are fewer.
func atLeast(n, least int) error {
	if n < least {
		return fmt.Errorf("%d of %d", n, least)
	}
	return nil
}

const exporting = `fn.example.org:{port} {
    bind {host}
    nearcast {
        cluster de-wide
        manifests {dir}/fed
        feed de to 127.0.0.0/8
    }
}
`

// bulky are functions whose feed does not fit into what the kernel keeps for a connection.
func bulky(n int) (all []fixture.Document) {
	text := strings.Repeat("some hundreds of octets of text ", 60)
	for i := range n {
		f := victim("bulk", fmt.Sprintf("f%d", i))
		f.Annotations = fixture.Unprobed("nearcast.dev/txt", text)
		all = append(all, f)
	}
	return all
}

const exportedFeed = "de._rpz.fn.example.org."

// take transfers the feed to the address, and returns how many records it has.
func (w *world) take(from string) (records int, err error) {
	c, err := connect(w.addr, from)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	transfer := dns.Transfer{Conn: c, ReadTimeout: slack}
	envelopes, err := transfer.In(new(dns.Msg).SetAxfr(exportedFeed), w.addr)
	if err != nil {
		return 0, err
	}
	for e := range envelopes {
		records += len(e.RR)
		if e.Error != nil {
			err = e.Error
		}
	}
	return records, err
}

// export serves a feed that is large, and waits for it.
func export(t *testing.T) (*world, *program) {
	t.Helper()
	w := newWorld(t, append(bulky(4000), fixture.Three[0], victim("bank", "login"))...)
	p := w.serve(t, exporting)
	eventually(t, "the feed is available", func() error {
		n, err := w.take("127.200.1.1")
		if err == nil {
			err = atLeast(n, 8000)
		}
		return err
	})
	return w, p
}

// stall asks for the feed from n addresses of one network, and reads nothing.
func (w *world) stall(t *testing.T, n int) (stalled []*dns.Conn) {
	t.Helper()
	for i := range n {
		c, err := connect(w.addr, fmt.Sprintf("127.1.1.%d", 1+i))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.WriteMsg(new(dns.Msg).SetAxfr(exportedFeed)); err != nil {
			t.Fatal(err)
		}
		stalled = append(stalled, c)
	}
	return stalled
}

// TestStalledTransfersLeaveRoomForOthers is an attack by clients of one network
// that ask for a feed and read nothing. Its control is that some are under way, that more
// of their network wait, and that what exceeds that is refused.
func TestStalledTransfersLeaveRoomForOthers(t *testing.T) {
	w, _ := export(t)
	stalled := w.stall(t, 80)
	if _, err := w.take("127.200.1.1"); err != nil {
		t.Errorf("another network cannot transfer the feed: %v", err)
	}
	var begun, refused, waiting int
	soon := time.Now().Add(2 * time.Second)
	for _, c := range stalled {
		_ = c.SetReadDeadline(soon)
		switch reply, err := c.ReadMsg(); {
		case err != nil:
			waiting++
		case reply.Rcode == dns.RcodeRefused:
			refused++
		default:
			begun++
		}
		soon = maxTime(soon, time.Now().Add(10*time.Millisecond))
	}
	if begun < 1 || begun > 5 || refused < 20 || waiting < 20 {
		t.Errorf("of 80 transfers, %d started, %d were refused and %d wait", begun, refused, waiting)
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestAStalledTransferEnds is the same attack, waited for. Its control is that
// the connections are held until then.
func TestAStalledTransferEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: takes more than a minute")
	}
	w, p := export(t)
	before := opened(t, p)
	w.stall(t, 5)
	time.Sleep(30 * time.Second)           // longer than the patience of who waits, and an idle connection's time
	if n := opened(t, p) - before; n < 4 { // one of before may have ended
		t.Errorf("%d of 5 connections are held after half of the time", n)
	}
	time.Sleep(30 * time.Second)
	eventually(t, "the transfers end", func() error { return atLeast(before, opened(t, p)) })
}
