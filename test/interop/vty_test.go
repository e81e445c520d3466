package interop

import (
	"bytes"
	"fmt"
	"net"
	"time"
)

// vtyEnd ends an answer of FRR, and is followed by one byte: the status.
var vtyEnd = []byte{0, 0, 0}

// vty gives commands to one of FRR's daemons on its Unix socket, as vtysh does,
// and returns what the last one prints. (vtysh itself wants files in /etc.)
func vty(socket string, commands ...string) (string, error) {
	conn, err := net.DialTimeout("unix", socket, slack)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(slack)); err != nil {
		return "", err
	}
	var answer string
	for _, command := range append([]string{"enable"}, commands...) {
		if _, err := conn.Write(append([]byte(command), 0)); err != nil {
			return "", fmt.Errorf("%s: %w", command, err)
		}
		var status byte
		if answer, status, err = vtyAnswer(conn); err != nil {
			return "", fmt.Errorf("%s: %w", command, err)
		}
		if status != 0 {
			return "", fmt.Errorf("%s: status %d: %s", command, status, answer)
		}
	}
	return answer, nil
}

func vtyAnswer(conn net.Conn) (text string, status byte, err error) {
	var all []byte
	part := make([]byte, 64*1024)
	for {
		n, err := conn.Read(part)
		if err != nil {
			return "", 0, err
		}
		all = append(all, part[:n]...)
		if end := len(all) - len(vtyEnd) - 1; end >= 0 && bytes.Equal(all[end:len(all)-1], vtyEnd) {
			return string(all[:end]), all[len(all)-1], nil
		}
	}
}
