package direct

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// twoServers is one configuration on two ports, the second with direct. SUB is a zone of
// another block below ours.
const twoServers = `fn.example.org:PORT1 {
	bind LOOPBACK
	PLUGINS
	nearcast {
		cluster mk-core
		manifests DIR/federation
		locations DIR/locations.csv
		tenant demo LOOPBACK
		ns ns1.fn.example.org 198.51.100.53
		SETTINGS
	}
}
fn.example.org:PORT2 {
	bind LOOPBACK
	direct
	PLUGINS
	nearcast {
		manifests DIR/federation
		ns ns1.fn.example.org 198.51.100.53
		SETTINGS
	}
}
sub.fn.example.org:PORT1 sub.fn.example.org:PORT2 {
	bind LOOPBACK
	whoami
}
`

// TestDirectAndTheChainAnswerAlike sends everything through CoreDNS's own path and
// through ours, with all kinds of plugins in front, and accepts no difference in any
// octet.
func TestDirectAndTheChainAnswerAlike(t *testing.T) {
	size := 1500
	if testing.Short() {
		size = 500
	}
	datagrams := corpus(size)
	for _, c := range []struct{ name, plugins, settings string }{
		{"alone", "", ""},
		{"fallthrough", "", "fallthrough"},
		{"observed", "prometheus LOOPBACK:METRICS\nerrors\nmetadata\ncancel 1s\nlog", ""},
		{"refusing", "acl {\nblock type AAAA net 127.0.0.0/8\ndrop type TXT net 127.0.0.0/8\n}", "family independent"},
		{"rewriting the reply", "nsid here\nbufsize 700\nminimal\nany\nlocal\nchaos\nheader {\nresponse set aa\n}", ""},
		{"signing", "", "sign DIR/key.private"},
		{"with cookies that both have", "nsid here", "cookies secret DIR/secrets"},
		{"requiring cookies", "", "cookies require secret DIR/secrets"},
		{"without a bound of its own", "bufsize 4096", "cookies off\nsign DIR/key.private"},
		{"limiting nothing yet", "rrl {\nreport-only\n}", ""},
		{"signing by dnssec", "dnssec {\nkey file DIR/key\n}", ""},
		{"knowing keys", "tsig {\nsecret key. " + corpusSecret + "\n}", ""},
		{"requiring keys", "tsig {\nsecret key. " + corpusSecret + "\nrequire TXT\n}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := federated(t, world...)
			fixture.Write(t, filepath.Join(dir, "secrets"), "00112233445566778899aabbccddeeff\n")
			if strings.Contains(c.settings+c.plugins, "DIR/key") {
				fixture.Key(t, dir, "key")
			}
			port1, port2 := freePort(t), freePort(t)
			corefile := fill(twoServers, "PLUGINS", c.plugins, "SETTINGS", c.settings)
			serve(t, fill(corefile, "PORT1", port1, "PORT2", port2, "DIR", dir, "METRICS", freePort(t)))
			before := requests(t)
			replies := compareAll(t, datagrams, at(port1), at(port2))
			t.Logf("%d datagrams, %d replies, all alike", len(datagrams), replies)
			if replies < size/2 {
				t.Errorf("only %d of %d datagrams had a reply", replies, size)
			}
			if c.name == "observed" {
				compareMetrics(t, before, port1, port2)
			}
			if inPlace := total(t, "coredns_direct_queries_total", "how", "in_place", "server", fmt.Sprintf("dns://%s", at(port2))); inPlace < float64(size)/6 {
				t.Errorf("only %v of %d were answered in place", inPlace, size)
			}
		})
	}
}

// compareAll sends each datagram to both and returns how many had a reply.
func compareAll(t *testing.T, datagrams [][]byte, plain, direct string) int {
	t.Helper()
	var next, replies atomic.Int64
	var workers sync.WaitGroup
	var alone sync.RWMutex
	for range 8 {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(datagrams); i = int(next.Add(1)) - 1 {
				if compare(t, &alone, datagrams[i], plain, direct) {
					replies.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return int(replies.Load())
}

// compare reports whether there was a reply. Replies that change every second, or were
// late, get a second and a third chance; so do those that change with every query (family
// independent), and then no further query is sent: both servers have counted the same
// number.
func compare(t *testing.T, alone *sync.RWMutex, datagram []byte, plain, direct string) bool {
	alone.RLock()
	want, got := replies(t, datagram, 150*time.Millisecond, plain, direct)
	alone.RUnlock()
	if alike(want, got) {
		return want != nil
	}
	alone.Lock()
	defer alone.Unlock()
	for _, timeout := range []time.Duration{time.Second, 3 * time.Second} {
		want, got = replies(t, datagram, timeout, plain, direct)
		if alike(want, got) {
			return want != nil
		}
	}
	m := new(dns.Msg)
	_ = m.Unpack(datagram) // as far as it can be
	t.Errorf("%s\n%s\nplain:  %s\ndirect: %s", hex.EncodeToString(datagram), m, hex.EncodeToString(want), hex.EncodeToString(got))
	return want != nil
}

// alike compares octets, except those that differ between any two signatures.
func alike(want, got []byte) bool {
	return bytes.Equal(want, got) || unsigned(want) != nil && bytes.Equal(unsigned(want), unsigned(got))
}

// replies sends the datagram to both, from one port, and returns the replies; nil for
// none.
func replies(t *testing.T, datagram []byte, timeout time.Duration, one, two string) (first, second []byte) {
	conn, err := net.ListenPacket("udp", net.JoinHostPort(fixture.Loopback(), "0"))
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	defer conn.Close()
	return reply(t, conn, datagram, timeout, one), reply(t, conn, datagram, timeout, two)
}

func reply(t *testing.T, conn net.PacketConn, datagram []byte, timeout time.Duration, to string) []byte {
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		t.Error(err)
		return nil
	}
	if _, err := conn.WriteTo(datagram, addr); err != nil {
		t.Error(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return nil
		}
		if from.String() == to { // otherwise a late reply
			return buf[:n]
		}
	}
}

// unsigned is the reply without the parts that two servers with one key do not produce
// alike: an ECDSA signature has a random part and the time at which it was made. It is
// nil if nothing is signed.
func unsigned(reply []byte) []byte {
	m := new(dns.Msg)
	if m.Unpack(reply) != nil {
		return nil
	}
	signed := false
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			switch rr := rr.(type) {
			case *dns.RRSIG:
				rr.Signature, rr.Inception, rr.Expiration, signed = "", 0, 0, true
			case *dns.TSIG: // of the signing time
				rr.TimeSigned, rr.MAC, signed = 0, strings.Repeat("0", len(rr.MAC)), true
			}
		}
	}
	if !signed {
		return nil
	}
	data, err := m.Pack()
	if err != nil {
		return nil
	}
	return append(data, byte(len(reply)>>8), byte(len(reply)))
}

// requests returns what CoreDNS has counted, by the labels of each series.
func requests(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "coredns_dns_") || strings.HasSuffix(f.GetName(), "_duration_seconds") {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := f.GetName()
			for _, l := range m.GetLabel() {
				labels += " " + l.GetName() + "=" + l.GetValue()
			}
			all[labels] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
		}
	}
	return all
}

// compareMetrics checks that both servers have counted the same.
func compareMetrics(t *testing.T, before map[string]float64, port1, port2 int) {
	t.Helper()
	var different []string
	series := 0
	// CoreDNS's own server counts a reply after sending it.
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if different, series = differences(t, before, port1, port2); len(different) == 0 {
			break
		}
	}
	if len(different) > 0 {
		t.Error(strings.Join(different, "\n"))
	}
	if series < 20 {
		t.Errorf("only %d series were compared", series)
	}
}

// differences names the series that the servers count differently, and counts those that
// were compared.
func differences(t *testing.T, before map[string]float64, port1, port2 int) (different []string, series int) {
	t.Helper()
	after := requests(t)
	one, two := fmt.Sprintf("server=dns://%s", at(port1)), fmt.Sprintf("server=dns://%s", at(port2))
	for labels, value := range after {
		if !strings.Contains(labels, one) {
			continue
		}
		other := strings.Replace(labels, one, two, 1)
		if mine, theirs := after[other]-before[other], value-before[labels]; mine != theirs {
			different = append(different, fmt.Sprintf("%s: %v, and %v of direct's", labels, theirs, mine))
		}
		series++
	}
	return different, series
}

// total returns the sum of the metric's series that have the labels.
func total(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			matches := true
			for i := 0; i < len(labels); i += 2 {
				matches = matches && has[labels[i]] == labels[i+1]
			}
			if matches {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
