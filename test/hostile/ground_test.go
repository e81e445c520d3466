package hostile

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// ground is where a server and everybody who asks it are: any address of its family may
// be bound there.
type ground struct {
	// do calls f where the sockets that f makes itself are on the ground.
	do func(t *testing.T, f func() error)
	// server returns an address for a server.
	server func() string
	// client returns the address of a host; no two networks are in one /24 or /56.
	client func(area, network, host int) string
}

// grounds are this machine's loopback, and a machine with IPv6
// that is made by the call.
var grounds = map[string]func(t *testing.T) *ground{
	"IPv4": func(*testing.T) *ground {
		return &ground{
			do: func(t *testing.T, f func() error) {
				t.Helper()
				if err := f(); err != nil {
					t.Fatal(err)
				}
			},
			server: fixture.AnotherLoopback,
			client: func(area, network, host int) string { return fmt.Sprintf("127.%d.%d.%d", area, network, host) },
		}
	},
	"IPv6": func(t *testing.T) *ground {
		t.Helper()
		n := newNamespace(t)
		const server = "fd53::53"
		n.ip(t, "address", "add", server+"/128", "dev", "lo", "nodad")
		n.ip(t, "-6", "route", "add", "local", "fd77::/16", "dev", "lo")
		n.do(t, func() error { return os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0o644) })
		return &ground{
			do:     n.do,
			server: func() string { return server },
			client: func(area, network, host int) string { return fmt.Sprintf("fd77:%x:0:%x00::%x", area, network, host) },
		}
	},
}

// newWorldAt is newWorld with the server on the ground.
func newWorldAt(t *testing.T, g *ground) *world {
	t.Helper()
	w := newWorld(t, tempting()...)
	host := g.server()
	w.addr = net.JoinHostPort(host, fmt.Sprint(fixture.FreePort(t, host)))
	return w
}
