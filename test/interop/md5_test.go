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

// TestASessionRequiresTheSameKeyAtBothEnds also checks that the key is shown to
// nobody.
func TestASessionRequiresTheSameKeyAtBothEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: it waits to see that no session comes up")
	}
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			file := newKey(t, key)
			keyed := config(1, hold3.keys+", passwordFile: "+file, vip4)
			p := newPeering(t, b, withKey(otherKey), keyed)
			p.wantNoSession("the keys differ")
			p.reconfigure(one())
			p.wantNoSession("only the speaker has a key")
			p.reconfigure(withKey(key))
			p.wantSession()
			p.site.speaker.wantSecret(key)
			p.site.speaker.rewrite(config(1, hold3.keys, vip4))
			p.wantNoSession("only the router has a key")
			p.site.speaker.rewrite(keyed)
			p.wantSession()
			// The fault names the file that has the key.
			fixture.Write(t, file, strings.Repeat(key, 5))
			eventually(t, "the long key is rejected", slack, func() error { return p.site.speaker.faulty(file) })
			p.site.speaker.wantSecret(key)
		})
	}
}

// TestARotatedKeyResetsOnlyItsSessionOnce: first the router is asked to move
// its traffic, and another router notices nothing.
func TestARotatedKeyResetsOnlyItsSessionOnce(t *testing.T) {
	const dwell = 4 * time.Second
	for _, b := range brands {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			file := newKey(t, key)
			text := strings.Replace(config(1, hold3.keys+", passwordFile: "+file, vip4), "vips:", "  - {address: 192.0.2.2, asn: 64500, holdTime: 9s}\nvips:", 1)
			p := newPeering(t, b, withKey(key), strings.Replace(text, noDwell, fmt.Sprintf("states: {draining: {dwell: %s, linger: 0s}}", dwell), 1))
			r2 := p.lan.node("r2")
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
				t.Errorf("the route is %v before the end of the dwell", changes)
			}
			p.reconfigure(withKey(otherKey))
			p.vip.becomes(start, slack)
			p.vip.becomes(p.vip.since(start)[1].at, comeback, p.site.v4)
			p.wantSession()
			time.Sleep(dwell)
			if changes := p.vip.since(start); len(changes) != 3 {
				t.Errorf("got route changes %v, want it withdrawn and restored once", changes)
			}
			if best, err := p.best(prefix(vip4)); err != nil || len(best.communities) > 0 {
				t.Errorf("got %+v, %v, want it as before", best, err)
			}
			if after := established(r2, other, p.site.v4); !after.same(before) || len(atOther.since(start)) != 1 {
				t.Errorf("the other session changed: got %+v, was %+v; its route was %v", after, before, atOther.since(start))
			}
			p.site.speaker.wantSecret(key, otherKey)
			t.Logf("%s: the route was missing for %.3f s", b.name, p.vip.since(start)[2].at.Sub(p.vip.since(start)[1].at).Seconds())
		})
	}
}

// newKey writes a key to a file in its own directory, like a Secret.
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

// faulty returns nil if the speaker says that it rejected the last file that it read,
// with part of the reason.
func (s *speaker) faulty(word string) error {
	st, err := s.glance()
	if err == nil && !strings.Contains(st.Fault, word) {
		err = fmt.Errorf("got fault %q, want it to contain %q", st.Fault, word)
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
			s.node.t.Errorf("the output contains a key:\n%s\n%s", log, status)
		}
	}
}
