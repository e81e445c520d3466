package secondary

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// other is a primary of another project, whose zone is a file.
type other struct {
	dir, port string
	process   *exec.Cmd
	log       *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// large is a number of records that fills many messages.
const large = 20_000

// largeZone returns the zone's file: rules from a number that grows with the serial, so
// that each serial removes a rule and adds one.
func largeZone(serial uint32) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 60\n@ SOA ns.example. host.example. %d 3600 60 86400 60\n@ NS ns.example.\n", zoneName, serial)
	for i := range large {
		fmt.Fprintf(&b, "bad-%d.example CNAME .\n", uint32(i)+serial)
	}
	b.WriteString("24.0.2.0.192.rpz-ip CNAME *.\n*.wild.example A 192.0.2.1\n*.wild.example TXT \"a \\\"quoted\\\" text\"\n")
	return b.String()
}

func (r *other) write(t *testing.T, serial uint32) {
	t.Helper()
	// Written under another name and renamed: a primary may read it at any time.
	path := filepath.Join(r.dir, "zone")
	if err := os.WriteFile(path+".new", []byte(largeZone(serial)), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Duration(serial) * time.Second) // or the change is not seen within a second
	if err := os.Chtimes(path+".new", later, later); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// prepare finds a port and writes the first zone.
func prepare(t *testing.T) *other {
	t.Helper()
	r := &other{dir: t.TempDir(), log: &lockedBuffer{}, port: strconv.Itoa(fixture.FreePort(t, "127.0.0.1"))}
	r.write(t, 1)
	return r
}

// start runs the program until the test ends.
func (r *other) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, r.log, r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.process = cmd
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("its log:\n%s", r.log)
		}
	})
}

func (r *other) config(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(r.dir, "conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// listen receives the primary's NOTIFYs for the Secondary, as the plugin does.
func listen(t *testing.T) (port string, to func(*Secondary), count func() int) {
	t.Helper()
	packets, listener := fixture.BothProtocols(t) // Knot sends its over TCP
	var mu sync.Mutex
	var s *Secondary
	n := 0
	handle := func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		from := netip.MustParseAddrPort(w.RemoteAddr().String()).Addr()
		if q.Opcode == dns.OpcodeNotify && s != nil && s.Accepts(from) {
			n++
			serial := uint32(0)
			for _, r := range q.Answer {
				serial = r.(*dns.SOA).Serial
			}
			s.Notify(from, serial, len(q.Answer) > 0)
		}
		m := new(dns.Msg).SetReply(q)
		if t := q.IsTsig(); t != nil {
			m.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
		}
		w.WriteMsg(m)
	}
	for _, server := range []*dns.Server{{Listener: listener}, {PacketConn: packets}} {
		server.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		server.TsigSecret = map[string]string{dns.CanonicalName(testKey.Name): testKey.Secret}
		server.Handler = dns.HandlerFunc(handle)
		go server.ActivateAndServe()
		t.Cleanup(func() { server.Shutdown() })
	}
	_, port, _ = net.SplitHostPort(packets.LocalAddr().String())
	return port, func(to *Secondary) { mu.Lock(); defer mu.Unlock(); s = to }, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// primaries are the servers that the test below uses.
var primaries = map[string]func(t *testing.T, r *other, notify string) *exec.Cmd{
	"BIND": func(t *testing.T, r *other, notify string) *exec.Cmd {
		return peers.Find(t, "named", "bind9").Command("-g", "-n", "1", "-c", r.config(t, fmt.Sprintf(`
key %[1]q { algorithm hmac-sha256; secret %[2]q; };
options { directory %[3]q; pid-file none; session-keyfile none; listen-on port %[4]s { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; notify explicit; notify-delay 0; allow-transfer { key %[1]q; }; dnssec-validation no; };
controls { };
zone %[5]q { type primary; file "zone"; ixfr-from-differences yes; check-names ignore; also-notify { 127.0.0.1 port %[6]s key %[1]q; }; };
`, testKey.Name, testKey.Secret, r.dir, r.port, zoneName, notify)))
	},
	"Knot": func(t *testing.T, r *other, notify string) *exec.Cmd {
		return peers.Find(t, "knotd", "knot").Command("-c", r.config(t, fmt.Sprintf(`
server:
    rundir: %[3]q
    listen: 127.0.0.1@%[4]s
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: %[3]q
key:
  - id: %[1]s
    algorithm: hmac-sha256
    secret: %[2]q
remote:
  - id: us
    address: 127.0.0.1@%[6]s
    key: %[1]s
acl:
  - id: us
    address: 127.0.0.1
    key: %[1]s
    action: transfer
zone:
  - domain: %[5]s
    storage: %[3]q
    file: zone
    zonefile-load: difference
    zonefile-sync: -1
    notify: us
    acl: us
`, testKey.Name, testKey.Secret, r.dir, r.port, zoneName, notify)))
	},
	"NSD": func(t *testing.T, r *other, notify string) *exec.Cmd {
		return peers.Find(t, "nsd", "nsd").Command("-d", "-V", "2", "-c", r.config(t, fmt.Sprintf(`
server:
  ip-address: 127.0.0.1@%[4]s
  username: ""
  chroot: ""
  zonesdir: %[3]q
  pidfile: ""
  xfrdfile: "%[3]s/xfrd"
  zonelistfile: "%[3]s/list"
  xfrdir: %[3]q
  database: ""
  server-count: 1
  verbosity: 2
remote-control:
  control-enable: no
key:
  name: %[1]s
  algorithm: hmac-sha256
  secret: %[2]q
zone:
  name: %[5]s
  zonefile: zone
  notify: 127.0.0.1@%[6]s %[1]s
  provide-xfr: 127.0.0.1 %[1]s
  store-ixfr: yes
  create-ixfr: yes
`, testKey.Name, testKey.Secret, r.dir, r.port, zoneName, notify)))
	},
}

func TestRealPrimariesAreFollowed(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts BIND, Knot and NSD")
	}
	for name, command := range primaries {
		t.Run(name, func(t *testing.T) {
			r := prepare(t)
			notify, to, notified := listen(t)
			r.start(t, command(t, r, notify))
			want := func(serial uint32) string {
				z, _, err := policyzone.Read(strings.NewReader(largeZone(serial)), zoneName, "zone")
				if err != nil {
					t.Fatal(err)
				}
				return text(z)
			}
			path := filepath.Join(t.TempDir(), "copy")
			w := followReal(t, r, testKey, path)
			to(w.Secondary)
			w.await(t, AXFR)
			if text(w.served()) != want(1) {
				t.Fatal("the served zone differs from the zone's file")
			}
			for serial := uint32(2); serial < 5; serial++ {
				r.write(t, serial)
				r.process.Process.Signal(syscall.SIGHUP)
				w.await(t, IXFR) // long before REFRESH
				if text(w.served()) != want(serial) {
					t.Fatalf("after IXFR to %d the served zone differs from the zone's file", serial)
				}
			}
			if notified() < 3 {
				t.Errorf("got %d NOTIFYs", notified())
			}
			w.stop()
			if zone, _, err := (&store{path: path, zone: zoneName, limit: large * 2}).load(); err != nil || text(zone) != want(4) {
				t.Errorf("the copy on disk differs from the zone's file: %v", err)
			}
			w = followReal(t, r, otherKey, "")
			w.await(t, BadKey)
			t.Log(w.find(BadKey).Err)
			w.stop()
			w = followReal(t, r, nil, "")
			w.await(t, Refused)
			t.Log(w.find(Refused).Err)
			w.stop()
		})
	}
}

// followReal starts a Secondary of a real primary.
func followReal(t *testing.T, r *other, key *Key, path string) *follower {
	t.Helper()
	return follow(t, nil, func(c *Config) {
		c.Primaries = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:" + r.port)}
		c.Key, c.File = key, path
	})
}

// await waits for the result, and fails the test on any other failure, except that of a
// primary that has not started yet.
func (w *follower) await(t *testing.T, result Result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		got, err := w.results()
		for _, r := range got {
			switch r {
			case result:
				return
			case Current, Unreachable, Refused:
			default:
				t.Fatalf("got %s, want %s: %v", r, result, err)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s did not arrive: %v", result, w.Status().Err)
}
