package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// echo listens on TCP and UDP, and returns what it receives.
func echo(t *testing.T) (tcp, udp string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); packets.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(conn, conn); conn.Close() }()
		}
	}()
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			packets.WriteTo(buffer[:n], from)
		}
	}()
	return listener.Addr().String(), packets.LocalAddr().String()
}

// took returns the median of how long something takes.
func took(t *testing.T, do func()) time.Duration {
	var all []float64
	for range 5 {
		begin := time.Now()
		do()
		all = append(all, float64(time.Since(begin)))
	}
	return time.Duration(median(all))
}

// The round trip is so long that the machine's own delay is negligible.
const trip = 60 * time.Millisecond

// near fails unless the time is a number of round trips, within a fifth.
func near(t *testing.T, what string, got time.Duration, trips float64) {
	t.Helper()
	if ratio := float64(got) / float64(trip) / trips; ratio < 0.98 || ratio > 1.2 {
		t.Errorf("%s took %s: %.2f times %v round trips of %s", what, got, ratio, trips, trip)
	}
}

func TestAPathCostsItsRoundTrips(t *testing.T) {
	tcp, udp := echo(t)
	path, ctx := Path{trip}, context.Background()
	var conn net.Conn
	near(t, "a TCP handshake", took(t, func() {
		var err error
		if conn, err = path.Dial(ctx, "tcp", netip.Addr{}, tcp); err != nil {
			t.Fatal(err)
		}
	}), 1)
	near(t, "a request over TCP", took(t, func() { ask(t, conn) }), 1)
	packets, err := path.Dial(ctx, "udp", netip.MustParseAddr("127.0.20.1"), udp)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "a request over UDP", took(t, func() { ask(t, packets) }), 1)
	relay, err := path.Relay(tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	near(t, "a connection and a request through a relay", took(t, func() {
		conn, err := net.Dial("tcp", relay.Addr())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, conn)
		conn.Close()
	}), 2)
	near(t, "a refusal", took(t, func() {
		if conn, err := path.Dial(ctx, "tcp", netip.Addr{}, "127.0.20.1:1"); err == nil {
			conn.Close()
			t.Error("port 1 is in use")
		}
	}), 1)
}

// ask sends a word and waits for it.
func ask(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestAPathKeepsOrderAndPassesOnTheEnd(t *testing.T) {
	tcp, _ := echo(t)
	conn, err := Path{10 * time.Millisecond}.Dial(context.Background(), "tcp", netip.Addr{}, tcp)
	if err != nil {
		t.Fatal(err)
	}
	var sent []byte
	for i := range 200 {
		sent = append(sent, byte(i))
		conn.Write([]byte{byte(i)})
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(sent) {
		t.Errorf("%v, %v", got, err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := conn.Read(got); err == nil {
		t.Error("a read past its deadline succeeded")
	}
	conn.SetReadDeadline(time.Time{})
	conn.Close()
	if n, err := conn.Read(got); err == nil {
		t.Errorf("got %d bytes after the end", n)
	}
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("a closed connection accepted data")
	}
}
