package main

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// bird is one BIRD that is several routers: it has a protocol with an address of its own for each.
type bird struct {
	routers int
	socket  string
	conn    net.Conn
	answers *bufio.Reader
}

// firstPort is the speaker's as the first router has it. None connects to it: BIRD has one protocol
// for an address and a port, whatever its own address.
const firstPort = 10_000

// startBIRD starts the first so many routers.
func (w *world) startBIRD(routers int) (*bird, error) {
	program, err := peers.Get("bird", "bird2")
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	text.WriteString("log stderr all;\nrouter id 192.0.2.1;\nprotocol device {}\n")
	for i := range routers {
		fmt.Fprintf(&text, `protocol bgp r%d {
	local %s as %d; neighbor %s port %d as %d; strict bind; passive;
	ipv4 { import all; export none; };
}
`, i, routerAddress(i), routerASN, speakerAddress, firstPort+i, speakerASN)
	}
	config, err := w.file("bird.conf", text.String())
	if err != nil {
		return nil, err
	}
	b := &bird{routers: routers, socket: filepath.Join(w.dir, "bird.ctl")}
	command := program.Command("-f", "-c", config, "-s", b.socket)
	if _, err := w.start(w.there, "bird", environment(command)...); err != nil {
		return nil, err
	}
	return b, eventually("BIRD answers", startWait, b.connect)
}

func (b *bird) connect() (err error) {
	if b.conn, err = net.Dial("unix", b.socket); err != nil {
		return err
	}
	b.answers = bufio.NewReader(b.conn)
	_, err = b.answer() // its greeting
	return err
}

// ask returns the lines of an answer, each behind its code where it has one.
func (b *bird) ask(command string) ([]string, error) {
	if err := b.conn.SetDeadline(time.Now().Add(askWait)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintln(b.conn, command); err != nil {
		return nil, err
	}
	return b.answer()
}

// answer reads lines up to one whose code is followed by a space.
func (b *bird) answer() (lines []string, err error) {
	for {
		line, err := b.answers.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("BIRD: %w", err)
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
		if code, _, ok := strings.Cut(line, " "); ok && len(code) == 4 {
			return lines, nil
		}
	}
}

// routes implements router.
func (b *bird) routes() (least int, err error) {
	lines, err := b.ask("show protocols all")
	if err != nil {
		return 0, err
	}
	counted := 0
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "Routes:" {
			continue
		}
		n, err := strconv.Atoi(fields[1])
		if err != nil {
			return 0, fmt.Errorf("BIRD: %q: %w", line, err)
		}
		if counted++; counted == 1 || n < least {
			least = n
		}
	}
	if counted != b.routers {
		return 0, nil // a session that is down shows no routes
	}
	return least, nil
}

// have implements router.
func (b *bird) have(prefix string) (int, error) {
	lines, err := b.ask("show route " + prefix + " all")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, line := range lines {
		if strings.Contains(line, "unicast [") || strings.Contains(line, "unreachable [") {
			n++
		}
	}
	return n, nil
}

// leaving reports whether all routes of all routers have GRACEFUL_SHUTDOWN (RFC 8326).
func (b *bird) leaving() (bool, error) {
	lines, err := b.ask("show route table master4 where (65535, 0) ~ bgp_community count")
	if err != nil {
		return false, err
	}
	var n, all int
	if _, err := fmt.Sscanf(lines[0], "1007-%d of %d routes", &n, &all); err != nil {
		return false, fmt.Errorf("BIRD: %q: %w", lines, err)
	}
	return n == all && n > 0, nil
}

func (b *bird) count() int { return b.routers }
func (b *bird) close()     { b.conn.Close() }
