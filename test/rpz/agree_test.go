package rpz_test

import (
	"slices"
	"testing"
	"time"
)

// drawn returns a corpus: 10,000 questions with -short, otherwise 70,000.
func drawn(t *testing.T, delegation bool) *corpus {
	t.Helper()
	seed, setups, questions := uint64(1), 52, 200
	if !testing.Short() {
		seed, setups, questions = 11, 240, 300
	}
	if delegation {
		setups /= 4
	}
	return newCorpus(t, seed, setups, questions, delegation)
}

// TestBINDAgreesWithItself shows that the corpus and the comparison cause no differences
// of their own: two BINDs give the same answers.
func TestBINDAgreesWithItself(t *testing.T) {
	c := newCorpus(t, 2, 20, 200, false)
	dir, up := t.TempDir(), upstream(t)
	zoneFiles(t, dir, c.setups)
	one, two := bind(t, dir, up, c.setups), bind(t, dir, up, c.setups)
	start := time.Now()
	j := judge{corpus: c, bind: one, ours: fixed(two), upstream: up}
	for _, d := range c.compare(fixed(one), fixed(two)) {
		if j.alone(d) < 0 { // under load, one of them may give up what the other waits for
			t.Error(d)
		}
	}
	t.Logf("%d questions twice in %s", len(c.questions), time.Since(start).Round(time.Millisecond))
}

// TestRewritesAgreeWithBIND sends the corpus to BIND and to Nearcast. Every difference
// must be an explained one.
func TestRewritesAgreeWithBIND(t *testing.T) {
	agree(t, drawn(t, false))
}

// TestDelegationAgreesWithBIND does the same with rules on name servers, which both look
// up through the upstream.
func TestDelegationAgreesWithBIND(t *testing.T) {
	agree(t, drawn(t, true))
}

// TestSettingsOfAZoneAgreeWithBIND does the same with zones that have their own settings,
// and with limits for the names whose name servers are looked up.
func TestSettingsOfAZoneAgreeWithBIND(t *testing.T) {
	setups, questions := 6, 250
	if !testing.Short() {
		setups, questions = 80, 300
	}
	agree(t, drawCorpus(t, 21, setups, questions, func(g *generator, number int) setup { return g.owned(g.setup(number, g.chance(40))) }))
}

func agree(t *testing.T, c *corpus) {
	t.Helper()
	dir, up := t.TempDir(), upstream(t)
	zoneFiles(t, dir, c.setups)
	theirs, mine := bind(t, dir, up, c.setups), ours(t, dir, up, c.setups)
	port := func(q question) string { return mine[c.of(q).number] }
	j := judge{corpus: c, bind: theirs, upstream: up, ours: port}
	j.plain = changed(t, up, c.setups, setup.plain)
	if slices.ContainsFunc(c.setups, setup.mixed) {
		j.withoutRD = changed(t, up, c.setups, setup.withoutRD)
		j.plainWithoutRD = changed(t, up, c.setups, func(s setup) setup { return s.withoutRD().plain() })
	}
	start := time.Now()
	j.all(t, c.compare(fixed(theirs), port))
	t.Logf("%d questions for %d setups in %s", len(c.questions), len(c.setups), time.Since(start).Round(time.Millisecond))
}

// changed starts BIND with changed setups, and returns its port.
func changed(t *testing.T, upstream string, setups []setup, change func(setup) setup) string {
	t.Helper()
	others := make([]setup, len(setups))
	for i, s := range setups {
		others[i] = change(s)
	}
	dir := t.TempDir()
	zoneFiles(t, dir, others)
	return bind(t, dir, upstream, others)
}
