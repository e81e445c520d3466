package secondary

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// changing returns the generation with the serial of a zone that always changes.
func changing(serial uint32) []dns.RR {
	var names []string
	for i := range uint32(200) {
		names = append(names, fmt.Sprintf("n%d", i+serial*3))
	}
	return generation(serial, names...)
}

// restless is a primary of the dns package on the loopback, which has a new generation
// for each SOA query and sends it slowly.
func restless(t *testing.T) (addr string) {
	t.Helper()
	var serial atomic.Uint32
	serial.Store(1)
	handle := func(w dns.ResponseWriter, q *dns.Msg) {
		if w.TsigStatus() != nil || q.IsTsig() == nil {
			t.Errorf("a request has a wrong signature: %v", w.TsigStatus())
		}
		n := serial.Load()
		records := closed(changing(n))
		switch q.Question[0].Qtype {
		case dns.TypeSOA:
			m := new(dns.Msg)
			m.SetReply(q)
			m.Authoritative = true
			m.Answer = changing(serial.Add(1))[:1]
			m.SetTsig(q.IsTsig().Hdr.Name, q.IsTsig().Algorithm, 300, time.Now().Unix())
			w.WriteMsg(m)
			return
		case dns.TypeIXFR:
			records = incremental(q.Ns[0].(*dns.SOA).Serial, [][]dns.RR{changing(q.Ns[0].(*dns.SOA).Serial), changing(n)})
		}
		envelopes := make(chan *dns.Envelope)
		go func() {
			defer close(envelopes)
			for len(records) > 0 {
				some := min(20, len(records))
				envelopes <- &dns.Envelope{RR: records[:some]}
				records = records[some:]
				time.Sleep(time.Millisecond)
			}
		}()
		if err := new(dns.Transfer).Out(w, q, envelopes); err != nil {
			for range envelopes { // the child was killed
			}
		}
	}
	packets, listener := fixture.BothProtocols(t)
	secrets := map[string]string{dns.CanonicalName(testKey.Name): testKey.Secret}
	for _, s := range []*dns.Server{{Listener: listener}, {PacketConn: packets}} {
		s.TsigSecret, s.Handler = secrets, dns.HandlerFunc(handle)
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return listener.Addr().String()
}

const childEnv = "NEARCAST_SECONDARY_CHILD"

// TestChild is the process that the next test kills.
func TestChild(t *testing.T) {
	addr, path, ok := strings.Cut(os.Getenv(childEnv), " ")
	if !ok {
		t.Skip("it is run by TestAKillAtAnyTimeLosesNothingPublished")
	}
	for { // as often as it is killed, so that each refresh follows at once on the last
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		publications := 0
		s, err := New(Config{Zone: zoneName, Primaries: []netip.AddrPort{netip.MustParseAddrPort(addr)}, Key: testKey, File: path}, func(z *policyzone.Zone) {
			fmt.Println("published", z.Serial())
			if publications++; publications == 2 { // one from the file, one from the primary
				cancel()
			}
		}, func(e Event) {
			if e.Err != nil {
				fmt.Println("failed", e.Err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Run(ctx)
		cancel()
	}
}

func TestAKillAtAnyTimeLosesNothingPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	addr, path := restless(t), filepath.Join(t.TempDir(), "zone")
	var last uint32
	total := 0
	for round := range 25 {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), childEnv+"="+addr+" "+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(100*time.Millisecond+rand.N(300*time.Millisecond), func() { child.Process.Kill() })
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if n, ok := strings.CutPrefix(lines.Text(), "published "); ok {
				serial, err := strconv.ParseUint(n, 10, 32)
				if err != nil || uint32(serial) < last {
					t.Fatalf("round %d: published %s after %d, %v", round, n, last, err)
				}
				last = uint32(serial)
				total++
			} else {
				t.Errorf("round %d: %s", round, lines.Text())
			}
		}
		killer.Stop()
		child.Wait() // it was killed
		zone, _, err := (&store{path: path, zone: zoneName, limit: 1000}).load()
		if zone == nil && last == 0 {
			continue
		}
		if zone == nil || zone.Serial() < last || text(zone) != text(zoneOf(t, changing(zone.Serial()))) {
			t.Fatalf("round %d: after %d was published the file has %v, %v", round, last, zone, err)
		}
	}
	if last < 10 {
		t.Errorf("only %d generations were published", last)
	}
	t.Logf("it published %d times, up to serial %d", total, last)
}
