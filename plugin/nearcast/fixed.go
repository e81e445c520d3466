package nearcast

import (
	"net"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/internal/client"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// ofFile answers for a name that the block's file decides: one below a delegation, or one with records that leave no
// room for a function, or that no function has. Records beside a function's own are kept for its answer.
func (a *answer) ofFile(w dns.ResponseWriter, file *zonefile.Zone, name []byte) (answered bool, rcode int, err error) {
	if cut := file.Cut(name); cut != nil {
		if a.qtype() == dns.TypeDS && len(name) == len(cut.Name) {
			rcode, err = a.fixed(w, cut.Node)
		} else {
			rcode, err = a.refer(w, cut)
		}
		return true, rcode, err
	}
	node := file.At(name)
	if name[0] == '_' && file.Speaks(name) {
		rcode, err = a.about(w, file, node, name)
		return true, rcode, err
	}
	if node.Types() == nil {
		return false, 0, nil
	}
	if !node.Excludes() && a.isOthers(name) {
		a.owner.node = node
		return false, 0, nil
	}
	rcode, err = a.fixed(w, node)
	return true, rcode, err
}

// about answers for a name that says something about one of the file's names: from the file alone. Node is the name's
// own; nil if it has none.
func (a *answer) about(w dns.ResponseWriter, file *zonefile.Zone, node *zonefile.Node, name []byte) (int, error) {
	if node != nil {
		return a.fixed(w, node)
	}
	if wild := file.Encloser(name).Wildcard; wild != nil {
		imputed.To(a.ctx, wild.Name)
		return a.fixed(w, wild)
	}
	imputed.Absent(a.ctx, a.zone.Name)
	return a.negative(w, outcomeAbsent, dns.RcodeNameError)
}

// isOthers reports whether a function has the name, or a VIP whose reverse name it is.
func (a *answer) isOthers(name []byte) bool {
	_, existence := a.view.Names.Lookup(name, a.client.Own)
	return existence == site.Exact || len(a.view.Names.Pointers(name, a.client.Own)) > 0
}

// fixed answers with records of the file, or follows their alias.
func (a *answer) fixed(w dns.ResponseWriter, node *zonefile.Node) (int, error) {
	a.owner = owner{kind: ownerFixed, node: node}
	alias := node.Set(dns.TypeCNAME)
	switch {
	case a.qtype() == dns.TypeANY && len(node.Sets) > 0:
		a.addHINFO(seconds(a.n.settings.ttls.most))
	case a.addFixed(node):
	case alias != nil && !a.asksProof():
		return a.alias(w, alias[0].(*dns.CNAME))
	default:
		return a.negative(w, outcomeNoData, dns.RcodeSuccess)
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// asksProof reports whether the query is for what every name of a signed zone has.
func (a *answer) asksProof() bool {
	return a.zone.signer != nil && (a.qtype() == dns.TypeNSEC || a.qtype() == dns.TypeRRSIG)
}

// addFixed adds the node's records of the type asked for, and reports whether there are any.
func (a *answer) addFixed(node *zonefile.Node) bool {
	set := node.Set(a.qtype())
	a.msg.Answer = append(a.msg.Answer, ownedBy(set, a.name())...)
	return len(set) > 0
}

// ownedBy returns copies of the records with the owner.
func ownedBy(set []dns.RR, owner string) (all []dns.RR) {
	for _, rr := range set {
		rr = dns.Copy(rr)
		rr.Header().Name = owner
		all = append(all, rr)
	}
	return all
}

// beside answers with the records of the file at a function's name, and what the answer has of the function's of the
// same type. The set has one TTL (RFC 2181, section 5.2).
func (a *answer) beside() outcome {
	a.addFixed(a.owner.node)
	if len(a.msg.Answer) == 0 {
		return a.noData()
	}
	a.steered = false
	least := a.msg.Answer[0].Header().Ttl
	for _, rr := range a.msg.Answer {
		least = min(least, rr.Header().Ttl)
	}
	for _, rr := range a.msg.Answer {
		rr.Header().Ttl = least
	}
	return outcomeAnswered
}

// maxAliases bounds a chain of aliases; they may lead in a circle.
const maxAliases = 8

// alias answers with an alias and, if its target is in the same zone, with the answer for that.
func (a *answer) alias(w dns.ResponseWriter, cname *dns.CNAME) (int, error) {
	a.msg.Answer = ownedBy([]dns.RR{cname}, a.name())
	if err := a.secureAnswer(); err != nil {
		return dns.RcodeServerFailure, err
	}
	rcode, err := a.follow(w, cname.Target)
	if err != nil {
		return dns.RcodeServerFailure, err
	}
	return a.send(w, outcomeApex, rcode)
}

// secureAnswer signs the answer section now, because what is added to it later has signatures already.
func (a *answer) secureAnswer() (err error) {
	a.secured = true
	if opt := a.query.IsEdns0(); a.zone.signer != nil && opt != nil && opt.Do() {
		a.msg.Answer, err = a.sign(a.msg.Answer)
	}
	return err
}

// follow adds what is answered to the same client for the target of an alias, and returns the code of that.
func (a *answer) follow(w dns.ResponseWriter, target string) (int, error) {
	var buf [maxName]byte
	inner := &capture{from: &net.TCPAddr{IP: client.Source(w.RemoteAddr()).AsSlice()}} // what is too long is cut once
	if outer, ok := w.(*capture); ok {
		inner.aliases = outer.aliases
	}
	if inner.aliases++; inner.aliases > maxAliases || a.n.zoneOf(canonical(&buf, target)) != a.zone {
		return dns.RcodeSuccess, nil
	}
	query := a.query.Copy()
	query.Question[0].Name = target
	if _, err := a.n.ServeDNS(a.ctx, inner, query); err != nil || inner.reply == nil {
		return dns.RcodeSuccess, err // a resolver follows the alias itself
	}
	a.msg.Answer = append(a.msg.Answer, inner.reply.Answer...)
	a.msg.Ns = inner.reply.Ns
	for _, rr := range inner.reply.Extra {
		if rr.Header().Rrtype != dns.TypeOPT {
			a.msg.Extra = append(a.msg.Extra, rr)
		}
	}
	a.steered, a.choice, a.ede = inner.steered, inner.choice, inner.ede
	return inner.reply.Rcode, nil
}

// refer answers with the name servers of a delegation. In a signed zone, these come with its DS records, or with
// proof that it has none.
func (a *answer) refer(w dns.ResponseWriter, cut *zonefile.Delegation) (int, error) {
	a.owner = owner{kind: ownerFixed, node: cut.Node}
	a.secured = true
	a.msg.Authoritative = false
	name := a.name()[len(a.name())-len(cut.Name):]
	a.msg.Ns = ownedBy(cut.Set(dns.TypeNS), name)
	if opt := a.query.IsEdns0(); a.zone.signer != nil && opt != nil && opt.Do() {
		proof := ownedBy(cut.Set(dns.TypeDS), name)
		if proof == nil {
			proof = []dns.RR{a.zone.signer.nsec(name, a.zone.soa.Minttl, []uint16{dns.TypeNS})}
		}
		signed, err := a.sign(proof)
		if err != nil {
			return dns.RcodeServerFailure, err
		}
		a.msg.Ns = append(a.msg.Ns, signed...)
	}
	for _, rr := range cut.Glue {
		a.msg.Extra = append(a.msg.Extra, dns.Copy(rr))
	}
	return a.send(w, outcomeApex, dns.RcodeSuccess)
}

// wildcard returns the node of the file's wildcard that covers a name which does not exist; nil if there is none, or if
// a name between the two exists (RFC 4592, section 3.3.1).
func (a *answer) wildcard(file *zonefile.Zone, name []byte) *zonefile.Node {
	encloser := file.Encloser(name)
	if encloser.Wildcard == nil || a.nearer(encloser, name) {
		return nil
	}
	return encloser.Wildcard
}

// nearer reports whether a name that is not in the file encloses the name more closely.
func (a *answer) nearer(encloser *zonefile.Node, name []byte) bool {
	for i := range a.zone.Servers {
		if len(inCommon(name, a.zone.Servers[i].Name)) > len(encloser.Name) {
			return true
		}
	}
	for i := range a.zone.delegations {
		if len(inCommon(name, a.zone.delegations[i].name)) > len(encloser.Name) {
			return true
		}
	}
	return a.exists(zonefile.Below(name, encloser.Name))
}
