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

// path returns the way to the stage's name; nil if none is looked up.
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

// budgeted returns the query's budget for look-ups, which starts with the first.
func (q *query) budgeted() *budget {
	if q.budget == nil {
		q.budget = newBudget(q, q.handler.paths.shares)
	}
	return q.budget
}

// undecided returns why it could not be decided whether a rule of the zone matches, if that must not be ignored.
func (q *query) undecided(p *policy, st *stage) lack {
	if st.path == nil || p.inert() {
		return ""
	}
	if why := q.unwaived(p, policyzone.NSDName, q.handler.settings.serverNames, st.path.lack); why != "" {
		return why
	}
	return q.unwaived(p, policyzone.NSIP, q.handler.settings.serverAddresses, worse(st.path.lack, st.path.lackOfAddresses))
}

// unwaived counts what is missing for the rules of a trigger, and returns it if it must not be ignored.
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

// failClosed answers instead of a name that a rule may block.
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

// text is the explanation for the client.
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
