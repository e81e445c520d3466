package secondary

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

const zoneName = "rpz.example."

var (
	testKey  = &Key{Name: "xfer.example", Algorithm: "hmac-sha256", Secret: "c2VjcmV0IG9mIHRoZSB0ZXN0cw=="}
	otherKey = &Key{Name: "xfer.example", Algorithm: "hmac-sha256", Secret: "YW5vdGhlciBzZWNyZXQ="}
	// one and two are the addresses of primaries; only fakes are behind them.
	one = netip.MustParseAddrPort("192.0.2.1:53")
	two = netip.MustParseAddrPort("192.0.2.2:53")
)

func rr(text string) dns.RR {
	r, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	// Through the wire format, like everything that a Secondary receives.
	wire := make([]byte, 1024)
	n, err := dns.PackRR(r, wire, 0, nil, false)
	if err != nil {
		panic(err)
	}
	r, _, err = dns.UnpackRR(wire[:n], 0)
	if err != nil {
		panic(err)
	}
	return r
}

// soa is that of the zone: refresh 100 s, retry 10 s, expire 1000 s.
func soa(serial uint32) dns.RR {
	return rr(fmt.Sprintf("%s 60 IN SOA ns.%[1]s host.%[1]s %d 100 10 1000 60", zoneName, serial))
}

func rule(name string) dns.RR { return rr(name + "." + zoneName + " 60 IN CNAME .") }

func ns() dns.RR { return rr(zoneName + " 60 IN NS ns.example.") }

// generation is a zone with the serial and a rule for each name.
func generation(serial uint32, names ...string) []dns.RR {
	out := []dns.RR{soa(serial), ns()}
	for _, n := range names {
		out = append(out, rule(n))
	}
	return out
}

// closed is the answer to AXFR: the SOA again at the end.
func closed(zone []dns.RR) []dns.RR { return append(slices.Clone(zone), zone[0]) }

func zoneOf(t testing.TB, all []dns.RR) *policyzone.Zone {
	t.Helper()
	e := policyzone.Begin(zoneName)
	for _, r := range all {
		if err := e.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	z, err := e.Zone()
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// text returns the content of a zone in a fixed order.
func text(z *policyzone.Zone) string {
	if z == nil {
		return "none"
	}
	var lines []string
	for r := range z.Records() {
		lines = append(lines, strings.ToLower(r.String()))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// part is some octets of an answer, sent after a pause.
type part struct {
	wait   time.Duration
	octets []byte
}

// answer is what a fake primary sends; then it hangs up, or hangs.
type answer struct {
	parts []part
	more  func(i int) part // after them, endlessly
	hang  bool
}

// fake is a primary without a network. It answers each request as set; nil refuses the
// connection.
type fake struct {
	t       testing.TB
	mu      sync.Mutex
	respond func(q *request) *answer
	asked   []string
	open    int
}

// request is a request to a fake.
type request struct {
	*dns.Msg
	raw     []byte
	network string
	primary string
}

func (f *fake) set(respond func(q *request) *answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.respond = respond
}

// take returns the queries since the last call, like "udp SOA".
func (f *fake) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

func (f *fake) dial(ctx context.Context, network, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.respond == nil {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	f.open++
	go f.serve(theirs, network, address)
	return ours, nil
}

func (f *fake) serve(conn net.Conn, network, address string) {
	defer conn.Close()
	raw := make([]byte, dns.MaxMsgSize)
	var err error
	n := 0
	if network == "udp" {
		n, err = conn.Read(raw)
	} else {
		var length [2]byte
		if _, err = io.ReadFull(conn, length[:]); err == nil {
			n, err = io.ReadFull(conn, raw[:binary.BigEndian.Uint16(length[:])])
		}
	}
	q := &request{Msg: new(dns.Msg), raw: raw[:n], network: network, primary: address}
	if err != nil || q.Unpack(q.raw) != nil {
		return
	}
	f.mu.Lock()
	f.asked = append(f.asked, network+" "+dns.TypeToString[q.Question[0].Qtype])
	respond := f.respond
	f.mu.Unlock()
	a := respond(q)
	if a == nil {
		return
	}
	for i := 0; i < len(a.parts) || a.more != nil; i++ {
		var p part
		if i < len(a.parts) {
			p = a.parts[i]
		} else {
			p = a.more(i)
		}
		time.Sleep(p.wait)
		if _, err := conn.Write(p.octets); err != nil {
			return
		}
	}
	if a.hang {
		io.Copy(io.Discard, conn)
	}
}

// reply returns a message of an answer that a test may spoil.
func (q *request) reply(answer []dns.RR) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q.Msg)
	m.Authoritative = true
	m.Compress = true
	m.Answer = answer
	return m
}

// plain packs unsigned messages.
func plain(messages ...*dns.Msg) [][]byte {
	var out [][]byte
	for _, m := range messages {
		raw, err := m.Pack()
		if err != nil {
			panic(err)
		}
		out = append(out, raw)
	}
	return out
}

// digests are those of the algorithms of RFC 8945.
var digests = map[string]func() hash.Hash{
	dns.HmacMD5: md5.New, dns.HmacSHA1: sha1.New, dns.HmacSHA224: sha256.New224, dns.HmacSHA256: sha256.New, dns.HmacSHA384: sha512.New384, dns.HmacSHA512: sha512.New,
}

// signed signs with the key the messages of an answer that which selects; it is written
// from RFC 8945, not from the code under test.
func signed(q *request, key *Key, which func(i int) bool, messages ...*dns.Msg) [][]byte {
	secret, err := base64.StdEncoding.DecodeString(key.Secret)
	if err != nil {
		panic(err)
	}
	prior, _ := hex.DecodeString(q.IsTsig().MAC)
	name, algorithm := dns.CanonicalName(key.Name), dns.CanonicalName(key.Algorithm)
	var pending []byte
	var out [][]byte
	first := true
	for i, raw := range plain(messages...) {
		if !which(i) {
			pending = append(pending, raw...)
			out = append(out, raw)
			continue
		}
		t := &dns.TSIG{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: algorithm, Fudge: 300,
			TimeSigned: uint64(time.Now().Unix()), OrigId: messages[i].Id}
		mac := hmac.New(digests[algorithm], secret)
		binary.Write(mac, binary.BigEndian, uint16(len(prior)))
		mac.Write(prior)
		mac.Write(pending)
		mac.Write(raw)
		if first {
			for _, n := range []string{name, "\x00\xff\x00\x00\x00\x00", algorithm} {
				if n[0] == 0 {
					io.WriteString(mac, n)
					continue
				}
				wire := make([]byte, 255)
				end, _ := dns.PackDomainName(n, wire, 0, nil, false)
				mac.Write(wire[:end])
			}
		}
		var times [8]byte
		binary.BigEndian.PutUint64(times[:], t.TimeSigned)
		mac.Write(times[2:])
		binary.Write(mac, binary.BigEndian, t.Fudge)
		if first {
			mac.Write([]byte{0, 0, 0, 0})
		}
		prior, pending, first = mac.Sum(nil), nil, false
		t.MAC, t.MACSize = hex.EncodeToString(prior), uint16(len(prior))
		whole := messages[i].Copy()
		whole.Extra = append(whole.Extra, t)
		out = append(out, plain(whole)...)
	}
	return out
}

func every(int) bool { return true }

// sent puts messages on the wire.
func (q *request) sent(messages ...[]byte) *answer {
	a := &answer{}
	for _, m := range messages {
		if q.network != "udp" {
			m = append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
		}
		a.parts = append(a.parts, part{octets: m})
	}
	return a
}

// serves returns a correct primary: it has the generations, the newest last, and sends
// each record of a transfer in a message of its own.
func serves(key *Key, generations ...[]dns.RR) func(*request) *answer {
	return func(q *request) *answer {
		newest := generations[len(generations)-1]
		var messages []*dns.Msg
		switch q.Question[0].Qtype {
		case dns.TypeSOA:
			messages = append(messages, q.reply(newest[:1]))
		case dns.TypeAXFR:
			messages = q.each(closed(newest))
		case dns.TypeIXFR:
			messages = q.each(incremental(q.Ns[0].(*dns.SOA).Serial, generations))
		}
		if key != nil {
			return q.sent(signed(q, key, every, messages...)...)
		}
		return q.sent(plain(messages...)...)
	}
}

// each puts each record into a message of its own.
func (q *request) each(records []dns.RR) []*dns.Msg {
	var out []*dns.Msg
	for _, r := range records {
		out = append(out, q.reply([]dns.RR{r}))
	}
	return out
}

// incremental is the answer to IXFR from the serial.
func incremental(from uint32, generations [][]dns.RR) []dns.RR {
	newest := generations[len(generations)-1]
	at := slices.IndexFunc(generations, func(g []dns.RR) bool { return g[0].(*dns.SOA).Serial == from })
	switch {
	case newest[0].(*dns.SOA).Serial == from:
		return newest[:1]
	case at < 0:
		return closed(newest)
	}
	out := []dns.RR{newest[0]}
	for i := at; i+1 < len(generations); i++ {
		old, next := keyed(generations[i]), keyed(generations[i+1])
		out = append(out, generations[i][0])
		out = append(out, missing(old, next)...)
		out = append(out, generations[i+1][0])
		out = append(out, missing(next, old)...)
	}
	return append(out, newest[0])
}

// keyed returns the records except the SOA, by their text.
func keyed(zone []dns.RR) map[string]dns.RR {
	out := map[string]dns.RR{}
	for _, r := range zone[1:] {
		out[r.String()] = r
	}
	return out
}

// missing returns the records of a that b lacks.
func missing(a, b map[string]dns.RR) []dns.RR {
	var out []dns.RR
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if b[k] == nil {
			out = append(out, a[k])
		}
	}
	return out
}

// follower runs a Secondary and records its events.
type follower struct {
	*Secondary
	mu        sync.Mutex
	published []*policyzone.Zone
	events    []Event // since results was called last
	all       []Event
	cancel    context.CancelFunc
	ended     chan struct{}
}

// follow starts a Secondary of the fake, under synctest, or with nil of a real primary.
func follow(t testing.TB, f *fake, change func(*Config)) *follower {
	t.Helper()
	if f == nil {
		return followWith(t, nil, change)
	}
	return followWith(t, f.dial, change)
}

// followWith starts a Secondary that dials with the function; nil is the default.
func followWith(t testing.TB, dial func(context.Context, string, string) (net.Conn, error), change func(*Config)) *follower {
	t.Helper()
	c := Config{Zone: "RPZ.example", Primaries: []netip.AddrPort{one}}
	if change != nil {
		change(&c)
	}
	w := &follower{ended: make(chan struct{})}
	var err error
	w.Secondary, err = New(c, func(z *policyzone.Zone) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.published = append(w.published, z)
	}, func(e Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
		w.all = append(w.all, e)
	})
	if err != nil {
		t.Fatal(err)
	}
	if dial != nil {
		w.dial = dial
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	go func() { defer close(w.ended); w.Run(ctx) }()
	return w
}

func (w *follower) stop() {
	w.cancel()
	<-w.ended
}

// served returns the last published generation.
func (w *follower) served() *policyzone.Zone {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.published) == 0 {
		return nil
	}
	return w.published[len(w.published)-1]
}

// last returns the last event.
func (w *follower) last() Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events[len(w.events)-1]
}

// find returns the first event with the result, or none.
func (w *follower) find(r Result) Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.all {
		if e.Result == r {
			return e
		}
	}
	return Event{}
}

// results returns the results since the last call, except those of the copy.
func (w *follower) results() (all []Result, failures error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, e := range w.events {
		if !strings.HasPrefix(string(e.Result), "copy-") {
			all = append(all, e.Result)
		}
		errs = append(errs, e.Err)
	}
	w.events = nil
	return all, errors.Join(errs...)
}
