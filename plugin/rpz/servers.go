package rpz

import (
	"net/netip"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

// serverNames returns the names of the name servers on the way to the stage's name.
func (q *query) serverNames(st *stage, name string) []string {
	p := q.path(st, name, q.handler.settings.serverNames)
	if p == nil {
		return nil
	}
	return p.names()
}

// serverAddresses returns the addresses of the name servers on the way to the stage's
// name.
func (q *query) serverAddresses(st *stage, name string) []netip.Addr {
	mode := q.handler.settings.serverAddresses
	p := q.path(st, name, mode)
	if p == nil || p.lack != "" && mode == waitServfail {
		return nil
	}
	if !p.addressed {
		q.handler.paths.beginAddresses(q.budgeted, p, q.set.serverFamilies)
	}
	if mode != waitNo {
		p.waitAddresses()
	}
	return p.addresses
}

// path returns the way to the stage's name; nil where none is looked up.
func (q *query) path(st *stage, name string, mode wait) *path {
	if q.handler.paths == nil || st.answerless {
		return nil
	}
	if st.path == nil {
		if st.inside != "" {
			name = st.inside
		}
		st.path = q.handler.paths.begin(q.budgeted, name)
	}
	if mode != waitNo {
		st.path.waitNames()
	}
	return st.path
}

// budgeted returns the query's budget of look-ups, which begins with the first.
func (q *query) budgeted() *budget {
	if q.budget == nil {
		q.budget = newBudget(q, q.handler.paths.shares)
	}
	return q.budget
}

// undecided returns why it could not be found out whether a rule of the zone matches, where
// that must not be passed over.
func (q *query) undecided(p *policy, st *stage) lack {
	if st.path == nil || p.inert() {
		return ""
	}
	if why := q.unwaived(p, policyzone.NSDName, q.handler.settings.serverNames, st.path.lack); why != "" {
		return why
	}
	return q.unwaived(p, policyzone.NSIP, q.handler.settings.serverAddresses, worse(st.path.lack, st.path.lackOfAddresses))
}

// unwaived counts what is lacking for the rules of a trigger, and returns it where it must
// not be passed over.
func (q *query) unwaived(p *policy, trigger policyzone.Trigger, mode wait, why lack) lack {
	if why == "" || mode == waitNo || p.rules.Rules(trigger) == 0 {
		return ""
	}
	if q.trace == nil {
		undecided[why].Inc()
	}
	if mode == waitServfail {
		return why
	}
	return ""
}

// failClosed answers in the place of what a rule may block.
func (q *query) failClosed(why lack) error {
	q.trace.failed("policy could not be applied: " + why.text())
	code := dns.ExtendedErrorCodeNoReachableAuthority
	if why != unanswered {
		code = dns.ExtendedErrorCodeOther
	}
	m := new(dns.Msg).SetRcode(q.msg, dns.RcodeServerFailure)
	m.RecursionAvailable = true
	addEDE(m, q.msg, code, "policy could not be applied: "+why.text())
	return q.ResponseWriter.WriteMsg(m)
}

// text says it to the client.
func (l lack) text() string {
	switch l {
	case overQuery:
		return "the name's zones have too many name servers to look up"
	case overClient:
		return "too many look-ups for this client"
	case overServer:
		return "too many look-ups"
	}
	return "the name servers of the name's zones could not be looked up"
}
