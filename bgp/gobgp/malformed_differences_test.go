package gobgp

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// difference is where GoBGP v4.8.0 does not do what the RFCs say. It is stated
// here so that the test neither fails for it nor accepts it as correct; a release that
// fixes it fails the test, and the line is removed.
type difference struct {
	// names is a pattern of provocations.
	names    string
	observed outcome
	why      string
}

var differences = []difference{
	{"before KEEPALIVE/[ORU]*", closed, "RFC 4271, section 8.2.2: an unexpected message in OpenConfirm is answered with an FSM error"},
	{"before KEEPALIVE/KEEPALIVE with a body", kept, "RFC 4271, section 6.1: a KEEPALIVE of other than 19 bytes has a bad length"},
	{"established/KEEPALIVE *", kept, "RFC 4271, section 6.1: a KEEPALIVE of other than 19 bytes has a bad length"},
	{"established/OPEN of another AS", kept, "RFC 4271, section 8.2.2: an OPEN that is wrong is an FSM error in Established"},
	{"OPEN parameters/unknown parameter *", kept, "RFC 4271, section 6.2: an unknown parameter is an unsupported one"},
	{"UPDATE lengths/short, *", "reset 3/1", "RFC 4271, section 6.1: an UPDATE of less than 23 bytes has a bad message length"},
	{"extended messages/UPDATE of a malformed MP_REACH_NLRI of 60000 bytes", closed, "the NOTIFICATION would hold the attribute, is longer than 4096 bytes and is not sent"},
	{"MP/*", "reset 0/0", "RFC 4271, section 4.5 has no code 0, and no RFC ends a session for a family that was not agreed on"},
	{"attribute/BGP_ATTR_TYPE_AS4_AGGREGATOR, alone and without routes", "reset 3/1", "RFC 6793, section 4.1: between peers of four octets it is discarded"},
	{"two octets/AS4_AGGREGATOR alone", "reset 3/1", "no RFC ends a session for an AS4_AGGREGATOR without AGGREGATOR"},
	{"several faults/*, a well-known attribute that nobody knows", kept, "RFC 7606, section 3 h: the severest fault counts; GoBGP looks no further than the first"},
	{"several faults/*, MP_* twice", kept, "RFC 7606, section 3 g and h: likewise"},
}

// judge compares what was observed with what is allowed, and returns which
// differences were seen.
func judge(t *testing.T, all []provocation, observed map[string]outcome) map[difference]bool {
	t.Helper()
	if len(observed) != len(all) {
		t.Errorf("got %d outcomes for %d provocations: two have the same name", len(observed), len(all))
	}
	seen := map[difference]bool{}
	for _, c := range all {
		o := observed[c.name]
		i := c.differs(o)
		switch {
		case c.wants(o):
		case i >= 0:
			seen[differences[i]] = true
		default:
			t.Errorf("%s: got %s, want one of %q", c.name, o, c.want)
		}
	}
	return seen
}

// differs returns the index of the known difference that the outcome is, or -1.
func (c provocation) differs(o outcome) int {
	return slices.IndexFunc(differences, func(d difference) bool { return d.observed == o && d.covers(c.name) })
}

// allows reports whether the outcome is wanted or a known difference.
func (c provocation) allows(o outcome) bool { return c.wants(o) || c.differs(o) >= 0 }

// logClasses tells how many of each group came out how.
func logClasses(t *testing.T, observed map[string]outcome) {
	t.Helper()
	classes := map[string]int{}
	for name, o := range observed {
		group, _, _ := strings.Cut(name, "/")
		classes[fmt.Sprintf("%s: %s", group, o)]++
	}
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("%s: %d", class, classes[class])
	}
}

// noDifferenceIsGone keeps the list honest when GoBGP is brought up to date.
func noDifferenceIsGone(t *testing.T, seen map[difference]bool) {
	t.Helper()
	for _, d := range differences {
		if !seen[d] {
			t.Errorf("GoBGP is fixed: %s is no longer %s (%s); remove the difference", d.names, d.observed, d.why)
		}
	}
}

func (d difference) covers(name string) bool {
	ok, err := path.Match(d.names, name)
	if err != nil {
		panic(err)
	}
	return ok
}
