package rpz

import (
	"fmt"
	"strings"
	"time"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// A list is often downloaded over the old one. During the download, or after it breaks off, half of its rules are
// missing. So a file that is written in place is used once it has been quiet for a moment, and a file that looks
// incomplete after a longer time.
const (
	// settled is how long a file written in place must be quiet: a continuous writer pauses for less.
	settled = time.Second
	// stalled is how long a file that looks incomplete must be quiet: longer than a connection stalls before it
	// goes on. It is also the longest wait for a file that is never quiet.
	stalled = 30 * time.Second
	// mostLost is how many lost records are ignored, as edits by hand.
	mostLost = 10
)

// change is what is known about a file since it changed from the one in use.
type change struct {
	// first is when the file changed, and since when it has been in its current state.
	seen         regular.Identity
	first, since time.Time
	// said is what was logged about it.
	said string
}

// saw notes the state of the file. It is in that state since it was written, which may be long ago if changes are
// not notified.
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

// settles returns how long the file must still be quiet before it is read, and lies how long before it is used if
// it looks incomplete.
func (c *change) settles(now time.Time) time.Duration {
	if c.lasts(now) {
		return 0
	}
	return c.since.Add(settled).Sub(now)
}

func (c *change) lies(now time.Time) time.Duration { return c.since.Add(stalled).Sub(now) }

// lasts reports whether the file has kept changing for so long that it may never stop.
func (c *change) lasts(now time.Time) bool { return now.Sub(c.first) >= stalled }

// writing is the message about a file that is not quiet.
const writing = "is being written"

// say reports whether to log the reason: it differs from the last one, and is not about a file that is written as
// quickly as most are.
func (c *change) say(why string, now time.Time) bool {
	if why == c.said || why == writing && now.Sub(c.first) < 3*settled {
		return false
	}
	c.said = why
	return true
}

// doubts are the signs that a file may be incomplete.
type doubts struct {
	have, had int // records
	shrunk    bool
	torn      bool
}

// compare compares what was read with what is in use; nil if nothing is.
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

// matter reports whether the file must wait. A file that was renamed into place is complete; one that was only
// written where there was none may not be.
func (d doubts) matter(inPlace bool, id regular.Identity) bool {
	return d.torn && (inPlace || d.shrunk) || d.shrunk && (inPlace || id.Written())
}

func (d doubts) String() string {
	var why []string
	if d.shrunk {
		why = append(why, fmt.Sprintf("has %d records, but %d are in use", d.have, d.had))
	}
	if d.torn {
		why = append(why, "ends in the middle of a line")
	}
	return strings.Join(why, ", and ")
}
