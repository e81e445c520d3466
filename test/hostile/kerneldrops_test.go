package hostile

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// kernelDrops returns how many datagrams found the sockets of a server full, on the machine
// of the calling thread.
func kernelDrops(t *testing.T, server string) (all int) {
	t.Helper()
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"udp", "udp6"} {
		data, err := os.ReadFile("/proc/thread-self/net/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) {
				continue
			}
			drops, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			all += drops
		}
	}
	return all
}
