package secondary

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnInvalidConfigurationIsRefused(t *testing.T) {
	good := Config{Zone: zoneName, Primaries: []netip.AddrPort{one}, Key: testKey}
	if _, err := New(good, nil, nil); err != nil {
		t.Fatal(err)
	}
	for word, spoil := range map[string]func(*Config){
		"zone name":  func(c *Config) { c.Zone = "" },
		"no primary": func(c *Config) { c.Primaries = nil },
		"negative":   func(c *Config) { c.MaxRecords = -1 },
		"key name":   func(c *Config) { c.Key = &Key{"", "hmac-sha256", "c2VjcmV0"} },
		"hmac-md5":   func(c *Config) { c.Key = &Key{"k", "hmac-md5", "c2VjcmV0"} },
		"base64":     func(c *Config) { c.Key = &Key{"k", "hmac-sha512", "no secret!"} },
	} {
		c := good
		spoil(&c)
		_, err := New(c, nil, nil)
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
		if err != nil && strings.Contains(err.Error(), "no secret!") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

func TestDifferencesOfSeveralGenerationsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, testKey, nil)
		defer w.stop()
		last := generation(7, "c", "d", "e")
		f.set(serves(testKey, held, next, generation(5), last))
		w.Notify(one.Addr(), 7, true)
		time.Sleep(2 * time.Second)
		if got, err := w.results(); !slices.Equal(got, []Result{IXFR}) {
			t.Fatalf("%v, %v", got, err)
		}
		if got, want := text(w.served()), text(zoneOf(t, last)); got != want {
			t.Errorf("served:\n%s\nwant\n%s", got, want)
		}
		if asked := f.take(); !slices.Equal(asked, []string{"udp SOA", "tcp IXFR"}) {
			t.Errorf("queries: got %v", asked)
		}
	})
}

func TestAWholeZoneIsAcceptedAsTheAnswerToIXFR(t *testing.T) {
	for name, next := range map[string][]dns.RR{"with records": generation(9, "x", "y"), "without any": {soa(9)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, w := begin(t, nil, nil)
				defer w.stop()
				f.set(serves(nil, next)) // which has no other generation
				w.Notify(one.Addr(), 0, false)
				time.Sleep(2 * time.Second)
				if got, err := w.results(); !slices.Equal(got, []Result{AXFR}) {
					t.Fatalf("%v, %v", got, err)
				}
				if got, want := text(w.served()), text(zoneOf(t, next)); got != want {
					t.Errorf("served:\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

// TestAPrimaryWithoutIXFRIsAskedForTheWholeZone has all the ways in which primaries say
// that they lack IXFR: dnsmasq answers REFUSED, and axfrdns closes the connection.
func TestAPrimaryWithoutIXFRIsAskedForTheWholeZone(t *testing.T) {
	hangsUp := func(*request) *answer { return &answer{} }
	for name, c := range map[string]struct {
		says func(*request) *answer
		want Result
	}{
		"FORMERR": {code(dns.RcodeFormatError), Refused}, "NOTIMP": {code(dns.RcodeNotImplemented), Refused}, "SERVFAIL": {code(dns.RcodeServerFailure), Refused},
		"REFUSED": {code(dns.RcodeRefused), Refused}, "NOTAUTH": {code(dns.RcodeNotAuth), Refused}, "hanging up": {hangsUp, Broken},
	} {
		for _, key := range []*Key{nil, testKey} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, w := begin(t, key, nil)
					defer w.stop()
					good := serves(key, held, next)
					f.set(func(q *request) *answer {
						if q.Question[0].Qtype == dns.TypeIXFR {
							return c.says(q)
						}
						return good(q)
					})
					w.Notify(one.Addr(), 0, false)
					time.Sleep(2 * time.Second)
					if got, err := w.results(); !slices.Equal(got, []Result{c.want, AXFR}) {
						t.Fatalf("%v, %v", got, err)
					}
				})
			})
		}
	}
}

func TestNotEveryMessageOfATransferNeedsASignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, testKey, nil)
		defer w.stop()
		var names []string
		for i := range 300 {
			names = append(names, "n"+string(rune('a'+i%26))+string(rune('a'+i/26)))
		}
		last := generation(2, names...)
		f.set(func(q *request) *answer {
			if q.Question[0].Qtype == dns.TypeSOA {
				return serves(testKey, last)(q)
			}
			m := q.each(closed(last))
			return q.sent(signed(q, testKey, func(i int) bool { return i%100 == 0 || i == len(m)-1 }, m...)...)
		})
		w.Notify(one.Addr(), 0, false)
		time.Sleep(2 * time.Second)
		if got, err := w.results(); !slices.Equal(got, []Result{AXFR}) {
			t.Fatalf("%v, %v", got, err)
		}
		if got, want := text(w.served()), text(zoneOf(t, last)); got != want {
			t.Error("another generation is served")
		}
	})
}

func TestRecordsOutsideTheZoneAreIgnoredAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		strange := append(slices.Clone(next), rr("x.example. 60 IN CNAME ."), rr("xrpz.example. 60 IN CNAME ."))
		f.set(serves(nil, held, strange))
		w.Notify(one.Addr(), 0, false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := w.last(); got.Result != IXFR || got.Skipped != 2 {
			t.Errorf("got event %+v", got)
		}
		if got, want := text(w.served()), text(zoneOf(t, next)); got != want {
			t.Errorf("served:\n%s\nwant\n%s", got, want)
		}
	})
}

func TestTheSerialIsQueriedOverTCPIfUDPFails(t *testing.T) {
	good := serves(testKey, held, next)
	for name, udp := range map[string]func(q *request) *answer{
		"truncated": func(q *request) *answer {
			m := q.reply(nil)
			m.Truncated = true
			return q.sent(signed(q, testKey, every, m)...)
		},
		"silent": func(*request) *answer { return &answer{hang: true} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, w := begin(t, testKey, nil)
				defer w.stop()
				f.set(func(q *request) *answer {
					if q.network == "udp" {
						return udp(q)
					}
					return good(q)
				})
				w.Notify(one.Addr(), 0, false)
				time.Sleep(10 * time.Second)
				if got, err := w.results(); !slices.Equal(got, []Result{IXFR}) {
					t.Errorf("got %v, %v", got, err)
				}
			})
		})
	}
}

// Anybody can send to the port of a query: a wrong answer must not win over the right one
// that follows it.
func TestAForgedAnswerOverUDPDoesNotHideTheTrueOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, testKey, nil)
		defer w.stop()
		good := serves(testKey, held, next)
		f.set(func(q *request) *answer {
			a := good(q)
			if q.network == "udp" {
				forged := q.reply([]dns.RR{soa(99)})
				other := forged.Copy()
				other.Id++
				var parts []part
				for _, raw := range append(plain(forged, other), []byte("noise"), nil) {
					if len(raw) > 0 {
						parts = append(parts, part{octets: raw})
					}
				}
				a.parts = append(parts, a.parts...)
			}
			return a
		})
		w.Notify(one.Addr(), 0, false)
		time.Sleep(2 * time.Second)
		if got, err := w.results(); !slices.Equal(got, []Result{IXFR}) || w.served().Serial() != 2 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestTheNextPrimaryIsTriedAfterOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, func(c *Config) { c.Primaries = []netip.AddrPort{one, two} })
		defer w.stop()
		good := serves(nil, held, next)
		f.set(func(q *request) *answer {
			if q.primary == one.String() {
				return code(dns.RcodeRefused)(q)
			}
			return good(q)
		})
		w.Notify(one.Addr(), 0, false)
		time.Sleep(2 * time.Second)
		got, err := w.results()
		if !slices.Equal(got, []Result{Refused, IXFR}) || !strings.Contains(err.Error(), one.String()) {
			t.Errorf("got %v, %v", got, err)
		}
		if w.Status().Err != nil {
			t.Errorf("a success leaves the error %v", w.Status().Err)
		}
	})
}

func TestThePrimaryThatSentANotifyIsTriedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, func(c *Config) { c.Primaries = []netip.AddrPort{one, two} })
		defer w.stop()
		stale, fresh := serves(nil, held), serves(nil, held, next)
		f.set(func(q *request) *answer {
			if q.primary == one.String() {
				return stale(q)
			}
			return fresh(q)
		})
		w.Notify(netip.MustParseAddr("::ffff:192.0.2.2"), 2, true)
		time.Sleep(2 * time.Second)
		if got, err := w.results(); !slices.Equal(got, []Result{IXFR}) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestNotifyIsAcceptedFromPrimariesOnlyAndOnlyOfNewSerials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		stranger := netip.MustParseAddr("203.0.113.1")
		if w.Accepts(stranger) || !w.Accepts(one.Addr()) || !w.Accepts(netip.AddrFrom16(one.Addr().As16())) {
			t.Error("Accepts is wrong about who is a primary")
		}
		w.Notify(stranger, 0, false)
		w.Notify(one.Addr(), 1, true)
		w.Notify(one.Addr(), 0, true)
		w.Notify(one.Addr(), 1+1<<31, true)
		time.Sleep(5 * time.Second)
		if asked := f.take(); len(asked) > 0 {
			t.Errorf("queries: got %v", asked)
		}
		w.Notify(one.Addr(), 0, false)
		synctest.Wait()
		if asked := f.take(); !slices.Equal(asked, []string{"udp SOA"}) {
			t.Errorf("queries: got %v", asked)
		}
	})
}

func TestAFloodOfNotifiesCausesOneRefreshPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		time.Sleep(5 * time.Second)
		for range 10_000 {
			w.Notify(one.Addr(), 2, true)
			time.Sleep(time.Millisecond)
		}
		if n := len(f.take()); n < 9 || n > 12 {
			t.Errorf("%d queries in 10 s", n)
		}
	})
}

func TestANotifyDuringARefreshIsAnsweredAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		old, young := serves(nil, held, next), serves(nil, held, next, generation(3, "z"))
		f.set(func(q *request) *answer {
			a := old(q)
			a.parts[0].wait = 2 * time.Second
			return a
		})
		w.Notify(one.Addr(), 2, true)
		time.Sleep(4 * time.Second) // one for the wait, two for the SOA: during the transfer
		f.set(young)
		w.Notify(one.Addr(), 3, true)
		time.Sleep(3 * time.Second)
		if got, err := w.results(); !slices.Equal(got, []Result{IXFR, IXFR}) || w.served().Serial() != 3 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestTheTimersOfTheSOAAreObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		start := time.Now()
		until := func() time.Duration {
			for len(f.take()) == 0 {
				time.Sleep(100 * time.Millisecond)
			}
			return time.Since(start)
		}
		if d := until(); d < 74*time.Second || d > 101*time.Second {
			t.Errorf("REFRESH of 100 s came after %s", d)
		}
		f.set(code(dns.RcodeServerFailure))
		until()
		for range 5 {
			start = time.Now()
			if d := until(); d < 7*time.Second || d > 11*time.Second {
				t.Errorf("RETRY of 10 s came after %s", d)
			}
		}
	})
}

func TestTimersAreBounded(t *testing.T) {
	zero := &dns.SOA{}
	huge := &dns.SOA{Refresh: 1<<32 - 1, Retry: 1<<32 - 1, Expire: 1<<32 - 1}
	if refreshAfter(zero) != leastRefresh || retryAfter(zero) != leastRetry || expireAfter(zero) != leastRefresh+leastRetry {
		t.Error("zero timers are not bounded")
	}
	if refreshAfter(huge) != mostRefresh || retryAfter(huge) != mostRetry || expireAfter(huge) != (1<<32-1)*time.Second {
		t.Error("the largest timers are not bounded")
	}
	for n := 1; n < 100; n++ {
		if d := firstRetryAfter(n); d < firstRetry || d > mostFirstRetry {
			t.Errorf("after %d failures it waits %s", n, d)
		}
	}
}

func TestAZoneIsWithdrawnWhenItExpiresAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		f.set(nil) // the primary is gone
		time.Sleep(999 * time.Second)
		if w.served() == nil || w.Status().Expired {
			t.Fatal("it was withdrawn before EXPIRE")
		}
		time.Sleep(2 * time.Second)
		st := w.Status()
		if w.served() != nil || !st.Expired || !st.Held || st.Serial != 1 {
			t.Fatalf("it was not withdrawn after EXPIRE: %+v", st)
		}
		got, err := w.results()
		if n := len(slices.DeleteFunc(got, func(r Result) bool { return r != Expired })); n != 1 {
			t.Errorf("reported %d times: %v", n, err)
		}
		f.set(serves(nil, held))
		time.Sleep(11 * time.Second)
		if z := w.served(); z == nil || z.Serial() != 1 || w.Status().Expired {
			t.Errorf("it did not come back: %+v", w.Status())
		}
	})
}

func TestASlowTransferDoesNotHoldUpExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer func() { w.stop(); time.Sleep(time.Minute) }()
		good := serves(nil, held, next)
		slow := endless(next[:1], 25*time.Second, func(i int) dns.RR { return rule("x") })
		f.set(func(q *request) *answer {
			if q.Question[0].Qtype == dns.TypeSOA {
				return good(q)
			}
			return slow(q)
		})
		w.Notify(one.Addr(), 0, false)
		time.Sleep(1001 * time.Second)
		if got, _ := w.results(); !slices.Equal(got, []Result{Expired}) || w.served() != nil {
			t.Errorf("during a slow transfer: %v", got)
		}
	})
}

func TestAnOlderSerialDoesNotDelayExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		defer w.stop()
		f.set(serves(nil, generation(0, "x")))
		time.Sleep(999 * time.Second)
		if z := w.served(); z == nil || z.Serial() != 1 {
			t.Error("an older serial is accepted before expiry")
		}
		time.Sleep(2 * time.Second)
		if z := w.served(); z != nil && z.Serial() == 1 {
			t.Error("a primary that was reset keeps the zone alive")
		}
	})
}

// TestAnySerialIsAcceptedAfterExpiry has a primary that was rebuilt and whose serials
// start again: BIND accepts its zone then, too.
func TestAnySerialIsAcceptedAfterExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone")
		f, w := begin(t, nil, func(c *Config) { c.File = path })
		f.set(nil)
		time.Sleep(1001 * time.Second)
		if w.served() != nil {
			t.Fatal("it did not expire")
		}
		older := generation(1<<31+1, "x")
		f.set(serves(nil, older))
		time.Sleep(11 * time.Second)
		if got, want := text(w.served()), text(zoneOf(t, older)); got != want || w.Status().Expired {
			t.Fatalf("served:\n%s\nwant\n%s", got, want)
		}
		w.stop()
		again := follow(t, f, func(c *Config) { c.File = path })
		defer again.stop()
		synctest.Wait()
		if got, want := text(again.served()), text(zoneOf(t, older)); got != want {
			t.Errorf("the copy:\n%s\nwant\n%s", got, want)
		}
	})
}

func TestAZoneThatWasNeverTransferredIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t}
		w := follow(t, f, nil)
		defer w.stop()
		time.Sleep(30 * time.Minute)
		got, err := w.results()
		if len(got) < 8 || len(got) > 20 || got[0] != Unreachable || !strings.Contains(err.Error(), "zone "+zoneName+": AXFR from the primary "+one.String()) {
			t.Errorf("in 30 min: %v, %v", got, err)
		}
		f.set(serves(nil, held))
		time.Sleep(6 * time.Minute)
		if w.served() == nil {
			t.Error("it was not transferred once it could be")
		}
	})
}

func TestRunEndsAtOnceWithinATransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := begin(t, nil, nil)
		f.set(func(*request) *answer { return &answer{hang: true} })
		w.Notify(one.Addr(), 0, false)
		time.Sleep(time.Second)
		start := time.Now()
		w.stop()
		if d := time.Since(start); d > 0 {
			t.Errorf("it took %s", d)
		}
		if got, err := w.results(); len(got) > 0 {
			t.Errorf("stopping is reported as %v, %v", got, err)
		}
	})
}

func TestFailuresKeepTheirClassWhenTheyAreWrapped(t *testing.T) {
	err := after(3, 100, &refusal{dns.RcodeRefused, fail(Refused, "%w", context.Canceled)})
	if resultOf(err) != Refused || !errors.Is(err, context.Canceled) {
		t.Errorf("%v is %s", err, resultOf(err))
	}
	if resultOf(errors.New("else")) != Garbage {
		t.Error("an error without a class has one")
	}
}
