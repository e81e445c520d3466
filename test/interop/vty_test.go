package interop

import (
	"net"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// vty sends commands to one of FRR's daemons on its Unix socket, and returns what the last one
// prints.
func vty(socket string, commands ...string) (string, error) {
	conn, err := net.DialTimeout("unix", socket, slack)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(slack)); err != nil {
		return "", err
	}
	answer := ""
	for _, command := range append([]string{"enable"}, commands...) {
		if answer, err = peers.AskVTY(conn, command); err != nil {
			return "", err
		}
	}
	return answer, nil
}
