package rpz_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// judge decides on differences, and repeats questions where that helps.
type judge struct {
	*corpus
	bind, upstream string
	ours           func(question) string
	plain          string             // BIND's port for the setups without what it interprets differently
	resolved       map[question]reply // for the comparison in unresolved
	plainly        map[question]reply // the answers of plain
	// withoutRD is BIND's port for the setups with only the zones that apply without RD,
	// plainWithoutRD for these without what BIND interprets differently.
	withoutRD, plainWithoutRD string
}

// shown is the number of unexplained differences that are printed.
const shown = 10

// all counts the differences by explanation, and fails for unexplained ones.
func (j *judge) all(t *testing.T, differences []difference) {
	t.Helper()
	j.resolve(differences)
	j.askPlain(differences)
	counts, unexplained := make([]int, len(explanations)+1), 0 // the last one for those that alone finds to agree
	for _, d := range differences {
		i := j.explain(d)
		if i < 0 {
			i = j.alone(d)
		}
		if i >= 0 {
			counts[i]++
			continue
		}
		if unexplained++; unexplained <= shown {
			t.Errorf("unexplained: %s", d)
		}
	}
	for i, e := range explanations {
		t.Logf("%6d × %s (%s)", counts[i], e.why, e.paragraph)
	}
	t.Logf("%6d × agree when repeated alone, without load", counts[len(explanations)])
	t.Logf("%6d of %d answers agree; %d differences are unexplained", len(j.questions)-len(differences), len(j.questions), unexplained)
}

// alone queries both servers again, without other load, and returns the number of the
// explanation; that of none if they agree now, -1 if nothing explains the difference.
func (j *judge) alone(d difference) int {
	if j.ours == nil {
		return -1
	}
	for range 1 + retries {
		time.Sleep(cacheless)
		if !d.rd {
			j.resolve([]difference{d})
		}
		d.first = ask(d.question, net.JoinHostPort("127.0.0.1", j.bind), longSilence)
		d.second = ask(d.question, net.JoinHostPort("127.0.0.1", j.ours(d.question)), longSilence)
		if equal(d.first, d.second) {
			return len(explanations)
		}
		if i := j.explain(d); i >= 0 {
			return i
		}
	}
	return -1
}

// explain returns the number of the explanation, -1 for none.
func (j *judge) explain(d difference) int {
	for i, e := range explanations {
		if e.when(j, d) {
			return i
		}
	}
	return -1
}

// equal compares two replies, one of which was changed.
func equal(a, b reply) bool { return a.String() == b.String() }

// with returns a changed copy of a reply.
func (r reply) with(change func(*dns.Msg)) reply {
	if r.msg != nil {
		r.msg = r.msg.Copy()
		change(r.msg)
	}
	return r
}

// resolve gets the expected answers without RD: from BIND with RD, if policy applies
// without RD too, and otherwise from the upstream.
func (j *judge) resolve(differences []difference) {
	var questions []question
	for _, d := range differences {
		if !d.rd {
			questions = append(questions, d.question)
		}
	}
	slices.SortStableFunc(questions, func(a, b question) int { return phase(resolving(a)) - phase(resolving(b)) })
	asked := make([]question, len(questions))
	for i, q := range questions {
		asked[i] = resolving(q)
	}
	replies := inPhases(asked, func(q question) string {
		switch s := j.of(q); {
		case s.mixed():
			return j.withoutRD
		case len(s.withoutRD().zones) == 0:
			return j.upstream
		}
		return j.bind
	}, longSilence)
	if j.resolved == nil {
		j.resolved = map[question]reply{}
	}
	for i, q := range questions {
		j.resolved[q] = replies[i].with(func(m *dns.Msg) { m.RecursionDesired = false })
	}
}

// askPlain repeats the questions that two replies alone do not explain.
func (j *judge) askPlain(differences []difference) {
	j.plainly = map[question]reply{}
	for _, rd := range []bool{true, false} { // mixed setups without RD have their own server
		var questions []question
		port := j.plain
		for _, d := range differences {
			if alone := !d.rd && j.of(d.question).mixed(); alone == rd {
				continue
			}
			questions = append(questions, resolving(d.question))
		}
		if !rd {
			port = j.plainWithoutRD
		}
		slices.SortStableFunc(questions, func(a, b question) int { return phase(a) - phase(b) })
		for i, r := range inPhases(questions, fixed(port), longSilence) {
			q := questions[i]
			q.rd = rd
			j.plainly[q] = r
		}
	}
}

// otherwise reports whether BIND would answer like Nearcast if the setup were plain.
func (j *judge) otherwise(d difference) bool {
	if j.plain == "" {
		return true
	}
	d.setup = d.setup.plain()
	key, port := resolving(d.question), j.plain
	if d.withoutRD {
		key.rd, port = false, j.plainWithoutRD
	}
	plainly := j.plainly[key]
	for range 1 + retries {
		d.first = plainly.with(func(m *dns.Msg) {
			m.RecursionDesired = d.second.msg != nil && d.second.msg.RecursionDesired
		})
		if equal(d.first, d.second) || j.explain(d) >= 0 {
			return true
		}
		plainly = ask(resolving(d.question), net.JoinHostPort("127.0.0.1", port), longSilence)
	}
	return false
}

func resolving(q question) question {
	q.rd = true
	return q
}
