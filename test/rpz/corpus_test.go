package rpz_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// corpus has setups and the questions for each.
type corpus struct {
	world     *world
	setups    []setup
	questions []question // for all setups; the client decides which one
}

// newCorpus draws a corpus.
func newCorpus(t testing.TB, seed uint64, setups, questions int, delegation bool) *corpus {
	t.Helper()
	return drawCorpus(t, seed, setups, questions, func(g *generator, number int) setup { return g.setup(number, delegation) })
}

// drawCorpus draws a corpus with setups of any kind.
func drawCorpus(t testing.TB, seed uint64, setups, questions int, draw func(*generator, int) setup) *corpus {
	t.Helper()
	w := newWorld(t)
	g := newGenerator(w, seed)
	c := &corpus{world: w}
	if setups > maxSetups {
		t.Fatalf("%d setups, but client networks for only %d", setups, maxSetups)
	}
	for n := range setups {
		c.setups = append(c.setups, draw(g, n+1))
		anys := map[string]bool{}
		for range questions {
			q := g.question()
			if key := strings.ToLower(q.name); phase(q) != 2 || !anys[key] {
				anys[key] = anys[key] || phase(q) == 2 // the second would get what the first left in the cache
				c.questions = append(c.questions, q)
			}
		}
	}
	slices.SortStableFunc(c.questions, func(a, b question) int { return phase(a) - phase(b) })
	return c
}

// keep keeps the questions for which want is true.
func (c *corpus) keep(want func(question) bool) {
	c.questions = slices.DeleteFunc(c.questions, func(q question) bool { return !want(q) })
}

// phase returns when a question is sent. BIND answers questions without RD, and of type
// ANY, from its cache, if that has anything: they are sent while the cache is empty, and
// those without RD add nothing to it.
func phase(q question) int {
	switch {
	case !q.rd:
		return 1
	case q.qtype == dns.TypeANY:
		return 2
	}
	return 0
}

// of returns the setup that a question is for.
func (c *corpus) of(q question) *setup { return &c.setups[q.client.As4()[1]-1] }

// cacheless is longer than a record with TTL 0 stays in BIND's cache.
const cacheless = 1100 * time.Millisecond

// silence is how long to wait for the reply to a query that may be dropped; longSilence
// is used if it only seems to be dropped.
const (
	silence     = 1000 * time.Millisecond
	longSilence = 3 * time.Second
)

// askAll sends all questions to a server, phase by phase.
func (c *corpus) askAll(port func(question) string) []reply {
	return inPhases(c.questions, port, silence)
}

func inPhases(questions []question, port func(question) string, timeout time.Duration) (replies []reply) {
	server := func(q question) string { return net.JoinHostPort("127.0.0.1", port(q)) }
	filled := true // whether BIND's cache may be non-empty
	for len(questions) > 0 {
		p, n := phase(questions[0]), 0
		for n < len(questions) && phase(questions[n]) == p {
			n++
		}
		if p != 0 && filled {
			time.Sleep(cacheless)
			filled = false
		}
		replies = append(replies, askAll(questions[:n], server, timeout)...)
		questions = questions[n:]
	}
	return replies
}

// both queries two servers at once.
func both(questions []question, one, two func(question) string, timeout time.Duration) (first, second []reply) {
	var wg sync.WaitGroup
	wg.Go(func() { first = inPhases(questions, one, timeout) })
	wg.Go(func() { second = inPhases(questions, two, timeout) })
	wg.Wait()
	return first, second
}

// difference is a question with two replies.
type difference struct {
	question
	path
	setup         setup // with the rules that may be relevant
	withoutRD     bool  // the setup has only the zones that apply without RD
	first, second reply
}

func (d difference) String() string {
	return fmt.Sprintf("%s\n  %s\n  and\n  %s\n%s", d.question, d.first, d.second, d.setup)
}

func (c *corpus) difference(q question) difference {
	p := c.world.path(q)
	return difference{question: q, path: p, setup: c.of(q).relevant(q, p)}
}

// compare queries two servers, and repeats with a longer timeout the questions whose replies
// differ: a loaded machine drops queries too.
func (c *corpus) compare(one, two func(question) string) (differences []difference) {
	first, second := both(c.questions, one, two, silence)
	for i, q := range c.questions {
		if first[i].String() != second[i].String() {
			d := c.difference(q)
			d.first, d.second = first[i], second[i]
			differences = append(differences, d)
		}
	}
	for range retries {
		var questions []question
		for _, d := range differences {
			questions = append(questions, d.question)
		}
		first, second := both(questions, one, two, longSilence)
		var still []difference
		for i, d := range differences {
			if d.first, d.second = first[i], second[i]; d.first.String() != d.second.String() {
				still = append(still, d)
			}
		}
		differences = still
	}
	return differences
}

// retries is how often a question is repeated if its replies differ. To BIND, a record
// with TTL 0 expires at the end of the second, even between two steps.
const retries = 2

// fixed returns the port of a server that has all setups.
func fixed(port string) func(question) string { return func(question) string { return port } }
