package peers

import (
	"bytes"
	"fmt"
	"net"
)

// vtyEnd ends an answer of FRR, and is followed by one byte: the status.
var vtyEnd = []byte{0, 0, 0}

// AskVTY gives a command to one of FRR's daemons over a connection to its Unix socket, as vtysh
// does, and returns what it prints. (vtysh itself wants files in /etc.) The first is "enable".
func AskVTY(conn net.Conn, command string) (string, error) {
	if _, err := conn.Write(append([]byte(command), 0)); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	answer, status, err := vtyAnswer(conn)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", command, err)
	case status != 0:
		return "", fmt.Errorf("%s: status %d: %s", command, status, answer)
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
