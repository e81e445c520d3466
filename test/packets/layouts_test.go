package packets_test

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	// The plugins around nearcast in the layouts.
	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/chaos"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/multisocket"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/tls"
	_ "github.com/coredns/coredns/plugin/view"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	_ "github.com/nearcast/nearcast/plugin/rpz"
)

// layouts are server blocks in which the zone of a function may be. Other plugins in them
// do not change the reaction to an odd packet.
var layouts = map[string]string{
	"a carrier's":     "\tcache\n\tforward . 127.0.0.1:1\n",
	"with policy":     "\trpz {\n\t\tzone policy.test {\n\t\t\tfile DIR/policy\n\t\t}\n\t}\n\tcache\n",
	"with others":     "\tacl {\n\t\tallow net 127.0.0.0/8\n\t\tblock\n\t}\n\terrors\n\tprometheus 127.0.0.1:0\n\tmetadata\n\tchaos\n",
	"on many sockets": "\tmultisocket 3\n",
	"in a view":       "\tview all {\n\t\texpr true\n\t}\n",
	"after rewrite":   "\trewrite stop name suffix .old.example. .fn.example.org. answer auto\n",
}

// TestOddPacketsAreAnsweredAlikeInEveryLayout compares them with a block that has only
// nearcast, over UDP and over TLS.
func TestOddPacketsAreAnsweredAlikeInEveryLayout(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits long for packets that no server answers")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, filepath.Join(dir, "federation", "all.yaml"), fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: []string{"mk-core"}}))
	fixture.Write(t, filepath.Join(dir, "policy"), "$ORIGIN policy.test.\n@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nblocked.example 60 CNAME .\n")
	fixture.Certificate(t, filepath.Join(dir, "cert"), filepath.Join(dir, "key"), "dns.example")
	block := func(scheme string, port int, lines string) string {
		return fill(scheme+"fn.example.org:PORT {\n\tbind 127.0.0.1\n"+lines+"\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/federation\n\t\tns ns1.fn.example.org 127.0.0.1\n\t}\n}\n", dir, port)
	}
	alone, encrypted := freePort(t), freePort(t)
	corefile := block("", alone, "") + block("tls://", encrypted, "\ttls DIR/cert DIR/key\n")
	ports := map[string]int{}
	for name, lines := range layouts {
		ports[name] = freePort(t)
		corefile += block("", ports[name], lines)
	}
	coredns.Serve(t, corefile)
	awaits(t, "alone", at(alone))
	for name, port := range ports {
		awaits(t, name, at(port))
	}
	var workers sync.WaitGroup
	packets := make(chan odd)
	for range 24 {
		workers.Go(func() {
			for p := range packets {
				want := class(t, udp, at(alone), p.data)
				for name, port := range ports {
					if got := class(t, udp, at(port), p.data); got != want {
						t.Errorf("%s, %s: got %q, want %q as without others: %s", p.name, name, got, want, hex.EncodeToString(p.data))
					}
				}
				want = class(t, tcp, at(alone), p.data)
				if got := overTLS(at(encrypted), p.data); got != want {
					t.Errorf("%s over TLS: got %q, want %q as over TCP: %s", p.name, got, want, hex.EncodeToString(p.data))
				}
			}
		})
	}
	for _, p := range corpus() {
		packets <- p
	}
	close(packets)
	workers.Wait()
}

// overTLS is like class, over TLS.
func overTLS(server string, data []byte) string {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * silence}, "tcp", server, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the test's own
	if err != nil {
		return fmt.Sprint(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * silence))
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)); err != nil {
		return fmt.Sprint(err)
	}
	var length uint16
	if binary.Read(conn, binary.BigEndian, &length) != nil {
		return "none"
	}
	reply := make([]byte, min(int(length), dns.MaxMsgSize))
	if _, err := io.ReadFull(conn, reply); err != nil {
		return fmt.Sprint(err)
	}
	return describe(reply)
}
