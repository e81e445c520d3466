package feed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/internal/testkit/peers"
)

const apex = "mk._rpz.fn.example.org."

// copied is the copy of a secondary, which checks that the primary makes no mistakes.
type copied struct {
	serial uint32
	zone   map[string]bool
	axfrs  int
}

// take updates the copy; it returns an error if the primary is down.
func (c *copied) take(t *testing.T, port int) error {
	t.Helper()
	m := new(dns.Msg).SetAxfr(apex)
	if c.zone != nil {
		m.SetIxfr(apex, c.serial, "ns.", "host.")
	}
	m.SetTsig("carrier.", dns.HmacSHA256, 300, time.Now().Unix())
	transfer := &dns.Transfer{TsigSecret: map[string]string{"carrier.": secret}}
	envelopes, err := transfer.In(m, fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	var rrs []dns.RR
	for e := range envelopes {
		if err = e.Error; err == nil {
			rrs = append(rrs, e.RR...)
		}
	}
	if err != nil {
		return err
	}
	c.apply(t, rrs)
	return nil
}

func (c *copied) apply(t *testing.T, rrs []dns.RR) {
	t.Helper()
	serial := rrs[0].(*dns.SOA).Serial
	if c.zone != nil && int32(serial-c.serial) < 0 {
		t.Fatalf("serial %d after %d", serial, c.serial)
	}
	if len(rrs) == 1 {
		if serial != c.serial {
			t.Fatalf("no change at serial %d, but the copy has %d", serial, c.serial)
		}
		return
	}
	if _, increments := rrs[1].(*dns.SOA); !increments {
		c.zone, c.axfrs = map[string]bool{}, c.axfrs+1
	}
	deleting := false
	for _, rr := range rrs[1:] {
		if _, soa := rr.(*dns.SOA); soa {
			deleting = !deleting
			continue
		}
		text := rr.String()
		if deleting != c.zone[text] {
			t.Fatalf("%d to %d: deleting %v of %q, which is there: %v", c.serial, serial, deleting, text, c.zone[text])
		}
		if deleting {
			delete(c.zone, text)
		} else {
			c.zone[text] = true
		}
	}
	c.serial = serial
}

// TestAKillLosesNothingThatWasTransferred kills the server while its routes change and a
// secondary follows: no serial goes back, no difference starts from a serial that the
// secondary does not have, and in the end both zones are equal.
func TestAKillLosesNothingThatWasTransferred(t *testing.T) {
	w := newWorld(t, "feed mk key carrier")
	secondary := &copied{}
	declare := func(i int) {
		var all []fixture.Function
		for f := range 5 {
			all = append(all, fixture.Function{Name: fmt.Sprintf("f%d", f), Annotations: fixture.Unprobed(), Clusters: []string{fixture.ThreeNames[(i>>f)%3]}})
		}
		for f := range 50 { // so that a difference is smaller than the whole zone
			all = append(all, fixture.Function{Name: fmt.Sprintf("still%d", f), Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})
		}
		w.declare(all...)
	}
	declare(0)
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	taken := 0
	for round := range rounds {
		for i := range 6 + round%5 {
			declare(round + i)
			for end := time.Now().Add(time.Duration(31*(i+1)) * time.Millisecond); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
				if secondary.take(t, w.port) == nil {
					taken++
				}
			}
		}
		w.kill()
		w.start()
	}
	declare(0)
	var whole *copied
	eventually(t, "both zones are equal", 10*time.Second, "equal", func() string {
		whole = &copied{}
		if err := whole.take(t, w.port); err != nil {
			return err.Error()
		}
		if err := secondary.take(t, w.port); err != nil {
			return err.Error()
		}
		for f := range 5 {
			if !whole.zone[fmt.Sprintf("f%d.demo.fn.example.org.%s\t5\tIN\tA\t192.0.2.4", f, apex)] {
				return fmt.Sprintf("%v", whole.zone)
			}
		}
		return map[bool]string{true: "equal", false: "different"}[fmt.Sprint(whole.zone) == fmt.Sprint(secondary.zone)]
	})
	if secondary.axfrs != 1 {
		t.Errorf("%d whole transfers, want only the first", secondary.axfrs)
	}
	t.Logf("%d transfers over %d kills", taken, rounds)
}

// TestManySignedMessagesAreOneTransfer has dig verify a transfer of many messages, each
// of them signed (RFC 8945, section 5.3.1).
func TestManySignedMessagesAreOneTransfer(t *testing.T) {
	dig := peers.Find(t, "dig", "bind9-dnsutils")
	w := newWorld(t, "feed mk key carrier hmac-sha512")
	const many = 3000
	var all []fixture.Function
	for i := range many {
		all = append(all, fixture.Function{Name: fmt.Sprintf("f%d", i), Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})
	}
	w.declare(all...)
	ask := func(algorithm, zone string) string {
		out, err := dig.Command("@127.0.0.1", "-p", fmt.Sprint(w.port), "-y", algorithm+":carrier:"+secret, zone, "AXFR", "+tcp").CombinedOutput()
		if text := string(out); err != nil || strings.Contains(text, "failed") || strings.Contains(text, "expected a TSIG") {
			return fmt.Sprint(err, text[:min(len(text), 400)])
		}
		return fmt.Sprint(strings.Count(strings.Join(strings.Fields(string(out)), " "), " IN A 192.0.2.1"))
	}
	for _, zone := range []string{apex, "fn.example.org."} {
		eventually(t, zone, 30*time.Second, fmt.Sprint(many), func() string { return ask("hmac-sha512", zone) })
		for _, other := range []string{"hmac-md5", "hmac-sha1", "hmac-sha256"} { // of the same secret
			if got := ask(other, zone); !strings.Contains(got, "Transfer failed") {
				t.Errorf("%s with %s: got %s", zone, other, got)
			}
		}
	}
}
