package secondary

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// held and next are the generations of the tests below: what is served, and what a
// correct primary would have.
var (
	held = generation(1, "a", "b")
	next = generation(2, "b", "c")
)

// misbehaviour is what a primary does when the next generation is requested.
type misbehaviour struct {
	name string
	key  *Key
	// soa, ixfr and axfr are the answers; nil is that of a correct primary.
	soa, ixfr, axfr func(q *request) *answer
	change          func(*Config)
	// want are the results, and word is in the text of the failure.
	want []Result
	word string
}

// spoiled returns the correct answer's messages, one per record, after a change to them.
func spoiled(do func(m []*dns.Msg) []*dns.Msg) func(*request) *answer {
	return func(q *request) *answer {
		return q.sent(plain(do(q.each(incremental(1, [][]dns.RR{held, next})))...)...)
	}
}

// records returns an answer with these records in one message.
func records(all ...dns.RR) func(*request) *answer {
	return func(q *request) *answer { return q.sent(plain(q.reply(all))...) }
}

// code returns an answer with only an rcode.
func code(rcode int) func(*request) *answer {
	return func(q *request) *answer {
		m := q.reply(nil)
		m.Rcode = rcode
		return q.sent(plain(m)...)
	}
}

// endless sends the results of more until nobody reads them, 500 records per message.
func endless(first []dns.RR, wait time.Duration, more func(i int) dns.RR) func(*request) *answer {
	return func(q *request) *answer {
		a := q.sent(plain(q.reply(first))...)
		a.more = func(i int) part {
			var all []dns.RR
			for j := range 500 {
				all = append(all, more(i*500+j))
			}
			return part{wait, q.sent(plain(q.reply(all))...).parts[0].octets}
		}
		return a
	}
}

func misbehaviours() []misbehaviour {
	small := func(c *Config) { c.MaxRecords, c.MaxBytes = 1000, 1<<20 }
	signedWith := func(key *Key, which func(int) bool) func(*request) *answer {
		return func(q *request) *answer {
			return q.sent(signed(q, key, which, q.each(incremental(1, [][]dns.RR{held, next}))...)...)
		}
	}
	tsigError := func(code uint16) func(*request) *answer {
		return func(q *request) *answer {
			m := q.reply(nil)
			m.Rcode = dns.RcodeNotAuth
			m.Extra = append(m.Extra, &dns.TSIG{Hdr: dns.RR_Header{Name: dns.CanonicalName(testKey.Name), Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
				Algorithm: dns.HmacSHA256, TimeSigned: uint64(time.Now().Unix()), Fudge: 300, OrigId: q.Id, Error: code})
			return q.sent(plain(m)...)
		}
	}
	all := []misbehaviour{
		{name: "refuses", soa: code(dns.RcodeRefused), want: []Result{Refused}, word: "REFUSED"},
		{name: "does not serve the zone", soa: code(dns.RcodeNotAuth), want: []Result{Refused}, word: "NOTAUTH"},
		{name: "fails", soa: code(dns.RcodeServerFailure), want: []Result{Refused}, word: "SERVFAIL"},
		{name: "is not authoritative", soa: func(q *request) *answer {
			m := q.reply(next[:1])
			m.Authoritative = false
			return q.sent(plain(m)...)
		}, want: []Result{Refused}, word: "not authoritative"},
		{name: "has no SOA", soa: records(), want: []Result{Garbage}, word: "has no SOA"},
		{name: "has the SOA of another zone", soa: records(rr("other.example. 60 IN SOA ns. host. 2 1 1 1 1")), want: []Result{WrongZone}, word: "other.example."},
		{name: "has an older serial", soa: records(soa(0)), want: []Result{Older}, word: "serial is 0"},
		{name: "has a serial 2^31 away", soa: records(soa(1 + 1<<31)), want: []Result{Older}, word: "remove the copy"},
		{name: "does not answer", soa: func(*request) *answer { return &answer{hang: true} }, want: []Result{Timeout}},
		{name: "answers with another ID", soa: func(q *request) *answer {
			m := q.reply(next[:1])
			m.Id++
			a := q.sent(plain(m)...)
			a.hang = true
			return a
		}, want: []Result{Garbage}, word: "ID"},

		{name: "refuses the transfer", ixfr: code(dns.RcodeRefused), axfr: code(dns.RcodeRefused), want: []Result{Refused, Refused}, word: "AXFR"},
		{name: "hangs up", ixfr: func(*request) *answer { return &answer{} }, axfr: func(*request) *answer { return &answer{} }, want: []Result{Broken, Broken}, word: "cut off"},
		{name: "sends an older serial than announced", ixfr: records(closed(generation(0, "x"))...), want: []Result{Older}},
		{name: "sends another zone", ixfr: records(rr("other.example. 60 IN SOA ns. host. 2 1 1 1 1"), rr("x.other.example. 60 IN CNAME .")), want: []Result{WrongZone}, word: "other.example."},
		{name: "sends another zone's SOA in the middle", ixfr: records(soa(2), ns(), rr("other.example. 60 IN SOA ns. host. 2 1 1 1 1"), soa(2)), want: []Result{WrongZone}},
		{name: "sends an endless zone", change: small, ixfr: endless(next[:1], 0, func(i int) dns.RR { return rule(fmt.Sprint("n", i)) }), want: []Result{TooLarge}, word: "1000 records"},
		{name: "repeats one record endlessly", change: small, ixfr: endless(next[:1], 0, func(int) dns.RR { return rule("same") }), want: []Result{TooLarge}, word: "octets"},
		{name: "adds records endlessly", change: small, ixfr: endless([]dns.RR{soa(2), soa(1), soa(2)}, 0, func(i int) dns.RR { return rule(fmt.Sprint("n", i)) }), want: []Result{TooLarge}},
		{name: "sends out-of-zone records endlessly", change: small, ixfr: endless(next[:1], 0, func(int) dns.RR { return rr("x.example. 60 IN CNAME .") }), want: []Result{TooLarge}},
		{name: "sends a message too slowly", ixfr: func(q *request) *answer {
			a := &answer{}
			for _, b := range q.sent(plain(q.reply(closed(next)))...).parts[0].octets {
				a.parts = append(a.parts, part{20 * time.Second, []byte{b}})
			}
			return a
		}, want: []Result{Timeout}, word: "no complete message"},
		{name: "sends the zone too slowly", change: func(c *Config) { c.Timeouts.Total = 5 * time.Minute },
			ixfr: endless(next[:1], 25*time.Second, func(i int) dns.RR { return rule(fmt.Sprint("n", i)) }), want: []Result{Timeout}, word: "time allowed"},
		{name: "falls silent", ixfr: func(q *request) *answer {
			a := q.sent(plain(q.reply(next))...)
			a.hang = true
			return a
		}, want: []Result{Timeout}, word: "after 4 records"},

		{name: "signs with another secret", key: testKey, ixfr: signedWith(otherKey, every), want: []Result{BadKey}, word: "signature is wrong"},
		{name: "signs with another name", key: testKey, ixfr: signedWith(&Key{"other.example", testKey.Algorithm, testKey.Secret}, every), want: []Result{BadKey}, word: "other.example."},
		{name: "does not sign", key: testKey, ixfr: signedWith(testKey, func(int) bool { return false }), want: []Result{BadKey}, word: "not signed"},
		{name: "signs only the first message", key: testKey, ixfr: signedWith(testKey, func(i int) bool { return i == 0 }), want: []Result{BadKey}, word: "last"},
		{name: "does not sign the first message", key: testKey, ixfr: signedWith(testKey, func(i int) bool { return i > 0 }), want: []Result{BadKey}, word: "not signed"},
		{name: "signs too few messages", key: testKey, ixfr: func(q *request) *answer {
			var many []string
			for i := range 120 {
				many = append(many, fmt.Sprint("n", i))
			}
			m := q.each(closed(generation(2, many...)))
			return q.sent(signed(q, testKey, func(i int) bool { return i == 0 || i == len(m)-1 }, m...)...)
		}, want: []Result{BadKey}, word: "more than 99"},
		{name: "changes a message that is not signed", key: testKey, ixfr: func(q *request) *answer {
			m := q.each(incremental(1, [][]dns.RR{held, next}))
			out := signed(q, testKey, func(i int) bool { return i == 0 || i == len(m)-1 }, m...)
			m[2].Answer = []dns.RR{rule("b")}
			out[2] = plain(m[2])[0]
			return q.sent(out...)
		}, want: []Result{BadKey}, word: "signature is wrong"},
		{name: "leaves out a message that is not signed", key: testKey, ixfr: func(q *request) *answer {
			m := q.each(incremental(1, [][]dns.RR{held, next}))
			out := signed(q, testKey, func(i int) bool { return i == 0 || i == len(m)-1 }, m...)
			return q.sent(slices.Delete(out, 4, 5)...)
		}, want: []Result{BadKey}, word: "signature is wrong"},
		{name: "swaps signed messages", key: testKey, ixfr: func(q *request) *answer {
			out := signed(q, testKey, every, q.each(closed(next))...)
			out[2], out[3] = out[3], out[2]
			return q.sent(out...)
		}, want: []Result{BadKey}},
		{name: "does not know the key", key: testKey, ixfr: tsigError(dns.RcodeBadKey), want: []Result{BadKey}, word: "BADKEY"},
		{name: "rejects the signature", key: testKey, ixfr: tsigError(dns.RcodeBadSig), want: []Result{BadKey}, word: "BADSIG"},
		{name: "has another time", key: testKey, ixfr: tsigError(dns.RcodeBadTime), want: []Result{BadKey}, word: "BADTIME"},
		{name: "refuses without a signature", key: testKey, ixfr: code(dns.RcodeRefused), axfr: code(dns.RcodeRefused), want: []Result{Refused, Refused}, word: "REFUSED"},
		{name: "does not sign the serial", key: testKey, soa: func(q *request) *answer {
			a := q.sent(plain(q.reply(next[:1]))...)
			a.hang = true
			return a
		}, want: []Result{BadKey}, word: "not signed"},
		{name: "signs although no key is configured", ixfr: func(q *request) *answer {
			q.Extra = append(q.Extra, &dns.TSIG{Hdr: dns.RR_Header{Rrtype: dns.TypeTSIG}})
			return q.sent(signed(q, testKey, every, q.each(closed(next))...)...)
		}, want: []Result{BadKey}, word: "no key is configured"},
	}
	return append(all, garbage()...)
}

// garbage are the misbehaviours after which AXFR is tried too, with the same result.
func garbage() []misbehaviour {
	one := func(do func(m *dns.Msg)) func(*request) *answer {
		return spoiled(func(m []*dns.Msg) []*dns.Msg { do(m[2]); return m })
	}
	first := func(do func(m *dns.Msg)) func(*request) *answer {
		return spoiled(func(m []*dns.Msg) []*dns.Msg { do(m[0]); return m })
	}
	chaos := rule("c")
	chaos.Header().Class = dns.ClassCHAOS
	cases := []struct {
		name   string
		answer func(*request) *answer
		result Result
		word   string
	}{
		{"sends noise", func(q *request) *answer {
			return &answer{parts: []part{{octets: []byte(strings.Repeat("noise", 99999))}}}
		}, Garbage, ""},
		{"sends messages without a header", func(q *request) *answer { return q.sent([]byte("short")) }, Garbage, "header"},
		{"answers with another ID in the middle", one(func(m *dns.Msg) { m.Id++ }), Garbage, "ID"},
		{"sends a query", one(func(m *dns.Msg) { m.Response = false }), Garbage, "query"},
		{"sends another opcode", one(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), Garbage, "opcode"},
		{"truncates", one(func(m *dns.Msg) { m.Truncated = true }), Garbage, "TC bit"},
		{"answers another question", one(func(m *dns.Msg) { m.Question[0].Name = "other.example." }), Garbage, "other.example."},
		{"answers another type", one(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), Garbage, "different question"},
		{"sends no question in the first message", first(func(m *dns.Msg) { m.Question = nil }), Garbage, "0 questions"},
		{"sends no records", first(func(m *dns.Msg) { m.Answer = nil }), Garbage, "no records"},
		{"sends no records in the middle", one(func(m *dns.Msg) { m.Answer = nil }), Garbage, "no records"},
		{"begins without an SOA", records(rule("c"), soa(2)), Garbage, "begins with"},
		{"ends with another serial", records(soa(2), ns(), soa(3)), Garbage, "ends with 3"},
		{"continues after its end", records(append(closed(next), rule("x"))...), Garbage, "after its end"},
		{"sends another class", records(soa(2), ns(), chaos, soa(2)), Garbage, "class CH"},
		{"sends a meta-type", records(soa(2), ns(), &dns.ANY{Hdr: dns.RR_Header{Name: zoneName, Rrtype: dns.TypeANY, Class: dns.ClassINET}}, soa(2)), Garbage, "meta-type"},
		{"announces more records than there are", func(q *request) *answer {
			raw := plain(q.reply(closed(next)))[0]
			binary.BigEndian.PutUint16(raw[6:], 60)
			return q.sent(raw)
		}, Garbage, "fewer records"},
		{"announces fewer records than there are", func(q *request) *answer {
			raw := plain(q.reply(closed(next)))[0]
			binary.BigEndian.PutUint16(raw[6:], 2)
			return q.sent(raw)
		}, Garbage, "octets after"},
		{"sends a record without data", func(q *request) *answer {
			m := q.reply([]dns.RR{soa(2), ns()})
			raw := plain(m)[0]
			binary.BigEndian.PutUint16(raw[6:], 3)
			raw = append(raw, 1, 'c', 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 0)
			return q.sent(raw)
		}, Garbage, "no data"},
		{"removes an absent record", records(soa(2), soa(1), rule("nothing"), soa(2), rule("c"), soa(2)), Unfit, "record not found"},
		{"removes a record with other data", records(soa(2), soa(1), rr("a."+zoneName+" 60 IN CNAME *."), soa(2), soa(2)), Unfit, "record not found"},
		{"does not chain at the start", records(soa(3), soa(0), soa(3), rule("c"), soa(3)), Unfit, "ours is 1"},
		{"does not chain in the middle", records(soa(4), soa(1), soa(2), soa(3), soa(4), soa(4)), Unfit, "3 follows 2"},
		{"stops short of its serial", records(soa(4), soa(1), soa(2), rule("c"), soa(4)), Unfit, "4 follows 2"},
		{"goes back to an older serial", records(soa(3), soa(1), soa(0), rule("c"), soa(0)), Unfit, "not newer"},
	}
	var out []misbehaviour
	for _, c := range cases {
		m := misbehaviour{name: c.name, ixfr: c.answer, axfr: c.answer, want: []Result{c.result, c.result}, word: c.word}
		if c.result == Unfit { // the same answer to AXFR is garbage for another reason
			m.want = []Result{Unfit, Garbage}
		}
		out = append(out, m)
	}
	return out
}

// begin makes a Secondary hold and serve the first generation, and returns the fake
// primary and the follower.
func begin(t *testing.T, key *Key, change func(*Config)) (*fake, *follower) {
	t.Helper()
	f := &fake{t: t}
	f.set(serves(key, held))
	w := follow(t, f, func(c *Config) {
		c.Key = key
		if change != nil {
			change(c)
		}
	})
	synctest.Wait()
	if got, err := w.results(); !slices.Equal(got, []Result{AXFR}) || w.served() == nil {
		t.Fatalf("the first transfer: %v, %v", got, err)
	}
	f.take()
	return f, w
}

func TestWhateverAPrimaryDoesWrongIsNamedAndChangesNothing(t *testing.T) {
	for _, m := range misbehaviours() {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, w := begin(t, m.key, m.change)
				// A fake that sleeps must wake and see that nobody listens.
				defer func() { w.stop(); time.Sleep(time.Minute) }()
				before, count := w.served(), counts(m.want)
				good := serves(m.key, held, next)
				f.set(func(q *request) *answer {
					by := map[uint16]func(*request) *answer{dns.TypeSOA: m.soa, dns.TypeIXFR: m.ixfr, dns.TypeAXFR: m.axfr}[q.Question[0].Qtype]
					if by == nil {
						by = good
					}
					return by(q)
				})
				w.Notify(one.Addr(), 0, false)
				var got []Result
				var err error
				for range 2 * 3600 { // seconds
					time.Sleep(time.Second)
					if got, err = w.results(); len(got) > 0 {
						break
					}
				}
				if !slices.Equal(got, m.want) {
					t.Errorf("counted as %v, want %v: %v", got, m.want, err)
				}
				if w.served() != before || len(w.published) != 1 {
					t.Error("the served generation changed")
				}
				for i, n := range counts(m.want) {
					if n <= count[i] {
						t.Errorf("%s is not counted", m.want[i])
					}
				}
				if err == nil || !strings.Contains(err.Error(), m.word) {
					t.Fatalf("the failure does not say %q: %v", m.word, err)
				}
				for _, part := range []string{zoneName, one.String(), advice[m.want[0]]} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("the failure does not say %q: %v", part, err)
					}
				}
				if strings.Contains(err.Error(), testKey.Secret) {
					t.Error("the failure reveals the secret")
				}
				if w.Status().Err == nil || w.Status().Serial != 1 {
					t.Errorf("the status is %+v", w.Status())
				}
				// It recovers once the primary behaves correctly.
				f.set(good)
				time.Sleep(20 * time.Second)
				if z := w.served(); z == nil || z.Serial() != 2 {
					t.Errorf("after the failure the correct primary is not followed: %v", w.Status())
				}
			})
		})
	}
}

func counts(of []Result) []float64 {
	var out []float64
	for _, r := range of {
		out = append(out, testutil.ToFloat64(results.WithLabelValues(zoneName, string(r))))
	}
	return out
}

// The connection ends after each octet of each kind of transfer.
func TestATransferCutOffAnywhereChangesNothing(t *testing.T) {
	answers := map[string]func(q *request) []*dns.Msg{
		"differences": func(q *request) []*dns.Msg { return q.each(incremental(1, [][]dns.RR{held, next})) },
		"whole":       func(q *request) []*dns.Msg { return q.each(closed(next)) },
		"one message": func(q *request) []*dns.Msg { return []*dns.Msg{q.reply(closed(next))} },
	}
	for name, messages := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, w := begin(t, testKey, nil)
				defer w.stop()
				before := w.served()
				good := serves(testKey, held, next)
				var cut, whole atomic.Int64
				breaks := func(q *request) *answer {
					if q.Question[0].Qtype == dns.TypeSOA {
						return good(q)
					}
					var all []byte
					for _, p := range q.sent(signed(q, testKey, every, messages(q)...)...).parts {
						all = append(all, p.octets...)
					}
					whole.Store(int64(len(all)))
					return &answer{parts: []part{{octets: all[:cut.Load()]}}}
				}
				for ; cut.Load() == 0 || cut.Load() < whole.Load(); cut.Add(1) {
					if cut.Load()%200 == 0 { // otherwise it would expire
						f.set(serves(testKey, held))
						time.Sleep(20 * time.Second)
						w.results()
						f.set(breaks)
					}
					w.Notify(one.Addr(), 0, false)
					time.Sleep(2 * time.Second)
					got, err := w.results()
					if len(got) == 0 || slices.ContainsFunc(got, func(r Result) bool { return r != Broken }) {
						t.Fatalf("after %d of %d octets: %v, %v", cut.Load(), whole.Load(), got, err)
					}
					if w.served() != before {
						t.Fatalf("after %d of %d octets the served generation changed", cut.Load(), whole.Load())
					}
				}
				if cut.Load() < 200 {
					t.Fatalf("only %d cuts were made", cut.Load())
				}
			})
		})
	}
}
