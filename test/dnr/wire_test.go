package dnr

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/netns"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

// clientOf is the variable by which the test's own program becomes a DHCP client.
const clientOf = "NEARCAST_DNR_CLIENT"

// network has two namespaces, a server's and a client's, with a wire between them.
type network struct{ server, client *netns.Namespace }

func newNetwork(t *testing.T) network {
	t.Helper()
	n := network{newNamespace(t, "dnrs"), newNamespace(t, "dnrc")}
	if err := errors.Join(
		n.server.IP("link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", n.client.Name),
		n.server.IP("addr", "add", "10.99.0.1/24", "dev", "wire0"),
		n.server.IP("addr", "add", "2001:db8:99::1/64", "dev", "wire0", "nodad"),
		n.client.IP("addr", "add", "10.99.0.200/24", "dev", "wire1"),
		n.server.IP("link", "set", "wire0", "up"), n.client.IP("link", "set", "wire1", "up"),
	); err != nil {
		t.Fatal(err)
	}
	return n
}

// newNamespace returns a namespace that ends with the test, or skips the test.
func newNamespace(t *testing.T, name string) *netns.Namespace {
	t.Helper()
	n, err := netns.New(fmt.Sprint(name, os.Getpid()))
	if err != nil {
		t.Skipf("SKIPPED: no network namespaces: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// serve runs a server until the test ends.
func (n network) serve(t *testing.T, p peers.Program, args ...string) {
	t.Helper()
	inner := p.Command(args...)
	command := n.server.Command(inner.Args...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = slices.Concat(inner.Env, []string{"KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR=" + t.TempDir()})
	fixture.Run(t, cmd)
}

// receives asks until the server answers, and returns the option's data.
func (n network) receives(t *testing.T, family string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; {
		command := n.client.Command(self)
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), clientOf+"="+family)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return string(out)
		}
		if time.Since(start) > 30*time.Second {
			t.Fatalf("no answer: %v: %s", err, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// client is a DHCP client that asks for the one option and prints what it gets.
func client(family string) error {
	ask, listen, to := discover(), ":68", "255.255.255.255:67"
	parse := parseDHCPv4
	if family == "6" {
		ask, listen, to, parse = informationRequest(), "[::]:546", "[ff02::1:2%wire1]:547", parseDHCPv6
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1)
			_ = syscall.BindToDevice(int(fd), "wire1")
		})
	}}
	conn, err := config.ListenPacket(context.Background(), "udp"+family, listen)
	if err != nil {
		return err
	}
	defer conn.Close()
	server, err := net.ResolveUDPAddr("udp"+family, to)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(ask, server); err != nil {
		return err
	}
	buffer := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	size, _, err := conn.ReadFrom(buffer)
	if err != nil {
		return err
	}
	fmt.Printf("%x", parse(buffer[:size]))
	return nil
}

// discover is a DHCPDISCOVER (RFC 2131) that asks for option 162.
func discover() []byte {
	m := make([]byte, 236)
	copy(m, []byte{1, 1, 6, 0, 0, 0, 0x12, 0x34})
	m[10] = 0x80 // answer by broadcast
	copy(m[28:], []byte{2, 0, 0, 0, 0, 1})
	return append(m, 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 1, 162, 255)
}

// parseDHCPv4 joins the parts of option 162.
func parseDHCPv4(m []byte) (data []byte) {
	for rest := m[240:]; len(rest) > 1 && rest[0] != 255; {
		if rest[0] == 0 {
			rest = rest[1:]
			continue
		}
		if rest[0] == 162 {
			data = append(data, rest[2:2+int(rest[1])]...)
		}
		rest = rest[2+int(rest[1]):]
	}
	return data
}

// informationRequest (RFC 8415) asks for option 144.
func informationRequest() []byte {
	return []byte{11, 1, 2, 3,
		0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1, // who asks
		0, 8, 0, 2, 0, 0, // since when
		0, 6, 0, 2, 0, 144}
}

// parseDHCPv6 joins all options 144.
func parseDHCPv6(m []byte) (data []byte) {
	for rest := m[4:]; len(rest) >= 4; {
		code, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if code == 144 {
			data = append(data, rest[4:4+size]...)
		}
		rest = rest[4+size:]
	}
	return data
}

// inFile finds the data in what is printed, as dnsmasq and Kea have it.
func inFile(t *testing.T, path, pattern string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s is there %d times in\n%s", pattern, len(found), text)
	}
	data := strings.ReplaceAll(string(found[0][1]), ":", "")
	if _, err := hex.DecodeString(data); err != nil || data == "" {
		t.Fatalf("%q: %v", data, err)
	}
	return data
}

// keaWith puts what is printed into a configuration that serves the network.
func keaWith(t *testing.T, path, daemon string, more map[string]any) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	of := config[daemon]
	of["interfaces-config"] = map[string]any{"interfaces": []string{"wire0"}}
	of["lease-database"] = map[string]any{"type": "memfile", "persist": false}
	for key, value := range more {
		of[key] = value
	}
	var whole bytes.Buffer
	if err := json.NewEncoder(&whole).Encode(config); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, path+".whole", whole.String())
	return path + ".whole"
}

// TestClientsReceiveWhatIsPrinted has a client ask each server, which must send what was
// printed, octet for octet, and all of it.
func TestClientsReceiveWhatIsPrinted(t *testing.T) {
	if testing.Short() {
		t.Skip("servers take seconds to begin")
	}
	n := newNetwork(t)
	t.Run("dnsmasq", func(t *testing.T) {
		p, path := peers.Find(t, "dnsmasq", "dnsmasq-base"), printed(t, "dnsmasq")
		dir := t.TempDir()
		n.serve(t, p, "-k", "--port=0", "--user=root", "--interface=wire0", "--dhcp-range=10.99.0.50,10.99.0.60",
			"--dhcp-range=::,constructor:wire0,ra-stateless", "--dhcp-leasefile="+filepath.Join(dir, "leases"), "--pid-file="+filepath.Join(dir, "pid"), "--conf-file="+path)
		if got, want := n.receives(t, "4"), inFile(t, path, `option=162,(\S+)`); got != want {
			t.Errorf("DHCPv4: %s, want %s", got, want)
		}
		if got, want := n.receives(t, "6"), inFile(t, path, `option6:144,(\S+)`); got != want {
			t.Errorf("DHCPv6: %s, want %s", got, want)
		}
	})
	t.Run("kea-dhcp4", func(t *testing.T) {
		p, path := peers.Find(t, "kea-dhcp4", "kea-dhcp4-server"), printed(t, "kea-dhcp4")
		n.serve(t, p, "-c", keaWith(t, path, "Dhcp4", map[string]any{
			"subnet4": []any{map[string]any{"subnet": "10.99.0.0/24", "pools": []any{map[string]any{"pool": "10.99.0.50-10.99.0.60"}}}},
		}))
		if got, want := n.receives(t, "4"), inFile(t, path, `"data": "(\w+)"`); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("kea-dhcp6", func(t *testing.T) {
		p, path := peers.Find(t, "kea-dhcp6", "kea-dhcp6-server"), printed(t, "kea-dhcp6")
		n.serve(t, p, "-c", keaWith(t, path, "Dhcp6", map[string]any{
			"subnet6":   []any{map[string]any{"subnet": "2001:db8:99::/64", "interface": "wire0"}},
			"server-id": map[string]any{"type": "LL", "persist": false}, "data-directory": t.TempDir(),
		}))
		if got, want := n.receives(t, "6"), inFile(t, path, `"data": "(\w+)"`); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
