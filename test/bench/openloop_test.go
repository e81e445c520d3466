package main

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// echoing answers each query at once with itself, after what before does, until the test
// ends.
func echoing(t *testing.T, before func(query int) (answer bool)) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		room := make([]byte, 512)
		for n := 0; ; n++ {
			size, from, err := conn.ReadFromUDPAddrPort(room)
			if err != nil {
				return
			}
			if before(n) {
				_, _ = conn.WriteToUDPAddrPort(room[:size], from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func someQueries(t *testing.T) []byte {
	t.Helper()
	raw, err := stream(resolved())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAnOpenLoopSendsAtItsRateAndCountsEveryQuery(t *testing.T) {
	const rate, lasting = 2000, 500 * time.Millisecond
	got, err := openly(echoing(t, func(int) bool { return true }), someQueries(t), rate, lasting)
	if err != nil {
		t.Fatal(err)
	}
	// A busy machine may lose some to a full buffer.
	if got.sent != 1000 || got.lost > 100 || got.TotalCount() != 1000 {
		t.Errorf("sent %d and lost %d, with %d latencies; want 1000, hardly any and 1000", got.sent, got.lost, got.TotalCount())
	}
}

// TestAPauseOfTheServerCountsForEveryQueryThatWaited is what a closed loop misses: it
// sends nothing meanwhile.
func TestAPauseOfTheServerCountsForEveryQueryThatWaited(t *testing.T) {
	const rate, lasting, pause = 2000, 500 * time.Millisecond, 100 * time.Millisecond
	server := echoing(t, func(query int) bool {
		if query == 400 {
			time.Sleep(pause)
		}
		return true
	})
	got, err := openly(server, someQueries(t), rate, lasting)
	if err != nil {
		t.Fatal(err)
	}
	// 200 of 1,000 queries are due in the pause, one half of them in its first half.
	if p90 := got.at(90); p90 < pause*4/10 {
		t.Errorf("the 90th percentile is %s: queries that waited are missing", p90)
	}
	if worst := got.at(100); worst < pause*9/10 {
		t.Errorf("the worst is %s, want about %s", worst, pause)
	}
}

func TestALostQueryCountsAsTheLongest(t *testing.T) {
	got, err := openly(echoing(t, func(query int) bool { return query%10 != 0 }), someQueries(t), 1000, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got.sent != 200 || got.lost < 20 || got.at(99) < longest*99/100 {
		t.Errorf("of %d queries %d are lost, and the 99th percentile is %s", got.sent, got.lost, got.at(99))
	}
}

func TestABadAnswerEndsAnOpenLoop(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		room := make([]byte, 512)
		for {
			size, from, err := conn.ReadFromUDPAddrPort(room)
			if err != nil {
				return
			}
			room[3] |= 5 // REFUSED
			_, _ = conn.WriteToUDPAddrPort(room[:size], from)
		}
	}()
	if got, err := openly(conn.LocalAddr().(*net.UDPAddr).AddrPort(), someQueries(t), 1000, 100*time.Millisecond); err == nil {
		t.Errorf("got %d latencies of refusals", got.TotalCount())
	}
}
