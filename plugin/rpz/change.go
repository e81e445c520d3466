package rpz

import (
	"fmt"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// A list is often downloaded over the old one, and while that lasts, or after it broke
// off, half of its rules are gone. So a file that is written in its place is used once
// it has been quiet for a moment, and one that looks like a half, for longer.
const (
	// settled is how long a file that is written in its place must be quiet: what
	// writes without a stop pauses for less.
	settled = time.Second
	// stalled is how long one that looks like a half must be quiet: more than a
	// connection that stalls and goes on. For as long, at most, a file that never is
	// quiet is waited for.
	stalled = 30 * time.Second
	// mostLost is how many records fewer than before are not looked at: edits by hand.
	mostLost = 10
)

// change is what is known of a file since it became another than the one in use.
type change struct {
	// first is when that was, and since when it is seen as it is.
	seen         regular.Identity
	first, since time.Time
	// said is what was said of it.
	said string
}

// saw notes how the file is. It is so since it was written, which may be long ago where
// changes are not heard of.
func (c *change) saw(id regular.Identity, now time.Time) {
	if c.first.IsZero() {
		c.first = now
	}
	if id == c.seen && !c.since.IsZero() {
		return
	}
	c.seen, c.since = id, now
	if written := time.Unix(0, id.Modified()); written.Before(now) {
		c.since = written
	}
}

// settles returns how long the file must still be quiet to be read, and lies how long
// to be used if it looks like a half.
func (c *change) settles(now time.Time) time.Duration {
	if c.lasts(now) {
		return 0
	}
	return c.since.Add(settled).Sub(now)
}

func (c *change) lies(now time.Time) time.Duration { return c.since.Add(stalled).Sub(now) }

// lasts reports whether the file has changed for so long that it may always do.
func (c *change) lasts(now time.Time) bool { return now.Sub(c.first) >= stalled }

// writing is said of a file that is not quiet.
const writing = "is being written"

// say reports whether the reason is to be logged: another than before, and not of a
// file that is written as quickly as most are.
func (c *change) say(why string, now time.Time) bool {
	if why == c.said || why == writing && now.Sub(c.first) < 3*settled {
		return false
	}
	c.said = why
	return true
}

// doubts are why a file may be half of one.
type doubts struct {
	have, had int // records
	shrunk    bool
	torn      bool
}

// compare holds what was read against what is in use; nil is nothing.
func compare(used, read *policyzone.Zone) (d doubts) {
	d.torn = used != nil && read.Torn()
	if used == nil {
		return d
	}
	d.have, d.had = read.Len(), used.Len()
	lost := d.had - d.have
	d.shrunk = lost >= mostLost && lost > d.had/10
	return d
}

// matter reports whether the file is to wait. One that was renamed to its name is
// whole, unless it was only written where there was none.
func (d doubts) matter(inPlace bool, id regular.Identity) bool {
	return d.torn && (inPlace || d.shrunk) || d.shrunk && (inPlace || id.Written())
}

func (d doubts) String() string {
	var why []string
	if d.shrunk {
		why = append(why, fmt.Sprintf("has %d records, where %d are in use", d.have, d.had))
	}
	if d.torn {
		why = append(why, "ends within a line")
	}
	return strings.Join(why, ", and ")
}
