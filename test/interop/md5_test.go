package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/bgp/turns"
	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

const (
	key      = "correct-horse-battery"
	otherKey = "staple-of-another-kind"
)

// withKey is site 1 with a key at the router's end.
func withKey(key string) neighbour { return one(func(n *neighbour) { n.key = key }) }

// TestAKeyIsTheSameAtBothEndsOrThereIsNoSession also holds that the key is told to
// nobody.
func TestAKeyIsTheSameAtBothEndsOrThereIsNoSession(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it waits for sessions that do not come")
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			file := newKey(t, key)
			keyed := config(1, hold3.keys+", passwordFile: "+file, vip4)
			p := newPeering(t, b, withKey(otherKey), keyed)
			p.wantNoSession("the keys differ")
			p.reconfigure(one())
			p.wantNoSession("the speaker alone has a key")
			p.reconfigure(withKey(key))
			p.wantSession()
			p.site.speaker.wantSecret(key)
			p.site.speaker.rewrite(config(1, hold3.keys, vip4))
			p.wantNoSession("the router alone has a key")
			p.site.speaker.rewrite(keyed)
			p.wantSession()
			// The fault is about the file that holds the key.
			fixture.Write(t, file, strings.Repeat(key, 5))
			eventually(t, "the long key is refused", slack, func() error { return p.site.speaker.faulty(file) })
			p.site.speaker.wantSecret(key)
		})
	}
}

// TestARotatedKeyResetsItsSessionAloneAndOnce: first the router is asked to move
// its traffic, and another router notices nothing.
func TestARotatedKeyResetsItsSessionAloneAndOnce(t *testing.T) {
	const dwell = 4 * time.Second
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			file := newKey(t, key)
			text := strings.Replace(config(1, hold3.keys+", passwordFile: "+file, vip4), "vips:", "  - {address: 192.0.2.2, asn: 64500, holdTime: 9s}\nvips:", 1)
			p := newPeering(t, b, withKey(key), strings.Replace(text, noDwell, fmt.Sprintf("states: {draining: {dwell: %s, linger: 0s}}", dwell), 1))
			r2 := p.lan.network.node("r2")
			p.lan.join(r2, "192.0.2.2/24")
			other, atOther := b.start(r2, b.config(one())), watch(r2, prefix(vip4))
			p.wantSession()
			before := established(r2, other, p.site.v4)
			atOther.becomes(time.Now(), slack, p.site.v4)
			time.Sleep(turns.Settle + time.Second) // or the first session waits for the other one
			start := time.Now()
			fixture.Write(t, file, otherKey+"\n")
			eventually(t, "the router is asked to move its traffic", slack, func() error {
				return p.wantCommunity("65535:0")
			})
			if best, err := other.best(prefix(vip4)); err != nil || len(best.communities) > 0 {
				t.Errorf("the other router has %+v, %v, want it as before", best, err)
			}
			if changes := p.vip.since(start); len(changes) != 1 || time.Since(start) > dwell {
				t.Errorf("the route is %v before the dwell is over", changes)
			}
			p.reconfigure(withKey(otherKey))
			p.vip.becomes(start, slack)
			p.vip.becomes(p.vip.since(start)[1].at, comeback, p.site.v4)
			p.wantSession()
			time.Sleep(dwell)
			if changes := p.vip.since(start); len(changes) != 3 {
				t.Errorf("the route was %v, want it to go and come back once", changes)
			}
			if best, err := p.best(prefix(vip4)); err != nil || len(best.communities) > 0 {
				t.Errorf("%+v, %v, want it as before", best, err)
			}
			if after := established(r2, other, p.site.v4); !after.same(before) || len(atOther.since(start)) != 1 {
				t.Errorf("the other session is %+v, was %+v; its route was %v", after, before, atOther.since(start))
			}
			p.site.speaker.wantSecret(key, otherKey)
			t.Logf("%s: the route was away for %.3f s", b.name, p.vip.since(start)[2].at.Sub(p.vip.since(start)[1].at).Seconds())
		})
	}
}

// newKey writes a key to a file in a folder of its own, as a Secret has.
func newKey(t *testing.T, key string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key")
	fixture.Write(t, file, key+"\n")
	return file
}

func (p *peering) wantCommunity(community string) error {
	best, err := p.best(prefix(vip4))
	if err == nil && !slices.Contains(best.communities, community) {
		err = fmt.Errorf("%+v", best)
	}
	return err
}

// faulty returns nil if the speaker says that the last file it read was refused,
// with a word of why.
func (s *speaker) faulty(word string) error {
	st, err := s.glance()
	if err == nil && !strings.Contains(st.Fault, word) {
		err = fmt.Errorf("the fault is %q, without %q", st.Fault, word)
	}
	return err
}

// wantSecret fails the test if the speaker shows a key in its log or its status.
func (s *speaker) wantSecret(keys ...string) {
	s.node.t.Helper()
	log, err := os.ReadFile(s.Log)
	var status json.RawMessage
	err = errors.Join(err, admin.Call(s.node.t.Context(), s.admin, http.MethodGet, "/status", nil, &status))
	if err != nil || len(log) == 0 || len(status) == 0 {
		s.node.t.Fatalf("log of %d bytes, status of %d: %v", len(log), len(status), err)
	}
	for _, key := range keys {
		if strings.Contains(string(log), key) || strings.Contains(string(status), key) {
			s.node.t.Errorf("a key is shown:\n%s\n%s", log, status)
		}
	}
}
