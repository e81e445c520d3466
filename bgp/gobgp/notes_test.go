package gobgp

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nearcast/nearcast/bgp/outage"
)

// segmentFrom returns what the router sends to this speaker's port on an accepted connection.
func segmentFrom(t *testing.T, to uint16, flags byte, payload []byte) []byte {
	t.Helper()
	head := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, bgpPort), to)
	head = append(head, 0, 0, 0, 1, 0, 0, 0, 0, 5<<4, flags, 0, 0, 0, 0, 0, 0)
	return append(head, payload...)
}

// TestWhatIsReadLateBelongsToTheEarlierAttempt: GoBGP reports immediately that it rejected the router's OPEN, and what
// was in it may be read when the next attempt has started.
func TestWhatIsReadLateBelongsToTheEarlierAttempt(t *testing.T) {
	open, err := openOf(t, 64999, "10.0.0.1").Serialize()
	if err != nil {
		t.Fatal(err)
	}
	const ack, port = 16, 50001
	for name, c := range map[string]struct {
		passes   time.Duration
		connects bool
		late     bool
	}{
		"immediately":                    {passes: 0, late: true},
		"soon after":                     {passes: heard / 2, late: true},
		"once GoBGP has connected again": {passes: 0, connects: true},
		"later than reading can take":    {passes: 2 * heard}, // a router that connects by itself
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, ears := &notes{wake: make(chan struct{}, 1)}, &outage.Ears{Port: bgpPort, Listening: bgpPort}
				n.tryAgain()
				n.ends(func(a *outage.Attempt) { a.Sent = &outage.Notification{Code: 2, Subcode: 2} })
				n.begin(false)
				if c.connects {
					n.tryAgain()
				}
				time.Sleep(c.passes)
				n.hear(ears, segmentFrom(t, port, ack, open), 64, time.Now())
				before, known := n.seen()
				if !known || before.Sent == nil || (before.Open != nil) != c.late {
					t.Errorf("earlier attempt: got %+v, want its OPEN: %t", before, c.late)
				}
				n.ends(func(a *outage.Attempt) { a.Closed = true })
				if now, _ := n.seen(); (now.Open == nil) != c.late {
					t.Errorf("attempt: got %+v, want its OPEN: %t", now, !c.late)
				}
			})
		})
	}
}

// TestAConnectingRouterIsReportedWhileAnEarlierAttemptIsRead, because the speaker then connects immediately.
func TestAConnectingRouterIsReportedWhileAnEarlierAttemptIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ears := &notes{wake: make(chan struct{}, 1)}, &outage.Ears{Port: bgpPort, Listening: bgpPort}
		time.Sleep(time.Hour)
		n.ends(func(a *outage.Attempt) { a.Closed = true })
		n.begin(false)
		const syn = 2
		n.hear(ears, segmentFrom(t, bgpPort, syn, nil), 64, time.Now())
		if _, called := n.take(); !called {
			t.Error("the router connected, but nobody was notified")
		}
		n.ends(func(a *outage.Attempt) { a.Closed = true })
		if now, _ := n.seen(); now.Called == nil {
			t.Errorf("attempt: got %+v, want it to report the router's connection", now)
		}
	})
}
