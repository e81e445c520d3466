package policyzone

import (
	"errors"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Action is what a rule does.
type Action uint8

// The actions of a rule.
const (
	// none: there is no rule.
	none Action = iota
	// unusable: there are records, but they are not a valid rule.
	unusable
	NXDomain
	NoData
	Passthru
	Drop
	TCPOnly
	// Local is local data.
	Local
)

// String returns the action as in logs and metrics.
func (a Action) String() string {
	return [...]string{"none", "unusable", "nxdomain", "nodata", "passthru", "drop", "tcp-only", "local-data"}[a]
}

// targets are the names that stand for an action if a CNAME points to them.
var targets = map[string]Action{
	".": NXDomain, "*.": NoData, "rpz-passthru.": Passthru, "rpz-drop.": Drop, "rpz-tcp-only.": TCPOnly,
}

// targetOf is the inverse of targets.
var targetOf = map[Action]string{
	NXDomain: ".", NoData: "*.", Passthru: "rpz-passthru.", Drop: "rpz-drop.", TCPOnly: "rpz-tcp-only.",
}

// rule is all data of one owner. Most rules are only an action, and need no further memory.
type rule struct {
	ttl    uint32
	action Action
	// data is nil if the action's CNAME is the owner's only record.
	data *data
}

// data are the records of one owner, immutable.
type data struct {
	// all are the records as the zone has them; local are those that are local data.
	all, local []dns.RR
}

func (r rule) set() bool    { return r.action != none }
func (r rule) usable() bool { return r.action > unusable }

// Action returns what the rule does.
func (r rule) Action() Action { return r.action }

// TTL returns the TTL of the rule's first record, in seconds.
func (r rule) TTL() uint32 { return r.ttl }

// Local returns the local data, which is shared and must not be changed.
func (r rule) Local() []dns.RR {
	if r.data == nil {
		return nil
	}
	return r.data.local
}

// isCNAME reports whether the local data is a CNAME to the canonical name.
func (r rule) isCNAME(name string) bool {
	cname, ok := r.data.local[0].(*dns.CNAME)
	return ok && len(cname.Target) == len(name) && Canonical(cname.Target) == name
}

// records returns the records as they are in the zone.
func (r rule) records(owner string) []dns.RR {
	if r.data != nil {
		return r.data.all
	}
	header := dns.RR_Header{Name: owner, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: r.ttl}
	return []dns.RR{&dns.CNAME{Hdr: header, Target: targetOf[r.action]}}
}

// newRule makes a rule from a target's records in the zone. An error says why they are not a rule; if it is a
// doubt, the rule is used but may not be what is meant.
func newRule(t target, zone string, records []dns.RR) (rule, error) {
	if len(records) == 0 {
		return rule{}, nil
	}
	r := rule{ttl: records[0].Header().Ttl, action: Local, data: &data{all: records}}
	var err error
	if r.data.local, err = usableData(records); err != nil {
		r.action = unusable
		return r, err
	}
	cname, ok := r.data.local[0].(*dns.CNAME)
	if !ok {
		return r, nil
	}
	r.ttl = cname.Hdr.Ttl
	to := Canonical(cname.Target)
	r.action, err = actionOf(t, to)
	if r.action == Local {
		err = doubtOf(to, zone)
	}
	if len(records) == 1 && targetOf[r.action] == cname.Target {
		r.data = nil
	}
	return r, err
}

// actionOf decodes the target of a rule's CNAME.
func actionOf(t target, to string) (Action, error) {
	if action, ok := targets[to]; ok {
		return action, nil
	}
	if reserved(to) {
		return unusable, errors.New("its CNAME points to a name that is reserved for actions but is not one: " + to)
	}
	if to == t.ownerName() && !strings.HasPrefix(to, "*.") {
		return Passthru, nil // its old spelling
	}
	return Local, nil
}

// reserved reports whether the name is at or below a top-level domain that begins with rpz-.
func reserved(name string) bool {
	labels := dns.SplitDomainName(name)
	return len(labels) > 0 && strings.HasPrefix(labels[len(labels)-1], "rpz-")
}

// usableData returns the records that may be local data.
func usableData(records []dns.RR) ([]dns.RR, error) {
	local := records
	if slices.ContainsFunc(records, func(rr dns.RR) bool { return neverData(rr.Header().Rrtype) }) {
		local = slices.DeleteFunc(slices.Clone(records), func(rr dns.RR) bool { return neverData(rr.Header().Rrtype) })
	}
	if len(local) == 0 {
		return nil, errors.New("it has no record of a type that a rule can use: " + dns.TypeToString[records[0].Header().Rrtype])
	}
	isCNAME := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeCNAME }
	if len(local) > 1 && slices.ContainsFunc(local, isCNAME) {
		return nil, errors.New("a CNAME cannot be combined with other data")
	}
	return local, nil
}

// neverData reports whether records of the type are never part of a rule.
func neverData(rrtype uint16) bool {
	switch rrtype {
	case dns.TypeSOA, dns.TypeNS, dns.TypeDNAME, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM,
		dns.TypeDNSKEY, dns.TypeDS, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeDLV, dns.TypeKEY, dns.TypeSIG, dns.TypeNXT, dns.TypeZONEMD:
		return true
	}
	return false
}
