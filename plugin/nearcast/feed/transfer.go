package feed

import (
	"iter"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// ClientZone is one zone of a Set, as one client may see it.
type ClientZone struct {
	z    *writtenZone
	form form
}

// Policy returns the policy zone of that name for the client; false if there is none or the client may not have it.
func (s *Set) Policy(name string, who Identity) (ClientZone, bool) {
	z := (*s.zones.Load())[name]
	if z == nil {
		return ClientZone{}, false
	}
	for i := range s.config.Lines {
		if l := &s.config.Lines[i]; l.covers(z.Scope) && l.admits(who) {
			return ClientZone{z, policy}, true
		}
	}
	return ClientZone{}, false
}

// Plain returns the zone as seen from the region of the first line that is for one region and admits the client;
// false if there is none, or the zone is signed.
func (s *Set) Plain(name string, who Identity) (ClientZone, bool) {
	for i := range s.config.Lines {
		l := &s.config.Lines[i]
		if l.Region == All || !l.admits(who) {
			continue
		}
		below, _ := l.PolicyZone(name)
		if z := (*s.zones.Load())[below]; z != nil && !z.head.apex.Signed {
			return ClientZone{z, plain}, true
		}
		return ClientZone{}, false
	}
	return ClientZone{}, false
}

// mostMessage is the size limit for messages of a transfer, before compression, whose pointers reach no further.
const mostMessage = 16 << 10

// Serve answers SOA, NS, AXFR and IXFR, and denies all other types. Names in the reply are spelled as in the query.
func (z ClientZone) Serve(w dns.ResponseWriter, r *dns.Msg) (int, error) {
	rcode, err := z.serve(w, r)
	return rcode, client.Written(err)
}

func (z ClientZone) serve(w dns.ResponseWriter, r *dns.Msg) (int, error) {
	h := z.z.book.now.Load()
	if h == nil {
		return dns.RcodeServerFailure, nil // no content yet
	}
	switch r.Question[0].Qtype {
	case dns.TypeAXFR:
		return z.axfr(w, r, h)
	case dns.TypeIXFR:
		return z.ixfr(w, r, h)
	case dns.TypeSOA:
		return z.send(w, r, []dns.RR{h.head.soa(z.form, h.serial)}, nil)
	case dns.TypeNS:
		return z.send(w, r, h.head.servers(z.form), nil)
	}
	return z.send(w, r, nil, []dns.RR{h.head.soa(z.form, h.serial)})
}

func (z ClientZone) send(w dns.ResponseWriter, r *dns.Msg, answer, authority []dns.RR) (int, error) {
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.Compress = true, true
	m.Answer, m.Ns = answer, authority
	return dns.RcodeSuccess, w.WriteMsg(m)
}

func (z ClientZone) axfr(w dns.ResponseWriter, r *dns.Msg, h *history) (int, error) {
	if !streams(w) {
		return dns.RcodeRefused, nil
	}
	return z.stream(w, r, "axfr", h.whole(z.form))
}

// ixfr answers with the changes, if they are known and smaller than the zone. Over UDP it answers only with what
// fits, or with the SOA alone, and the client retries over TCP (RFC 1995, section 2).
func (z ClientZone) ixfr(w dns.ResponseWriter, r *dns.Msg, h *history) (int, error) {
	var serial uint32
	if len(r.Ns) == 1 {
		if soa, ok := r.Ns[0].(*dns.SOA); ok {
			serial = soa.Serial
		}
	}
	now := []dns.RR{h.head.soa(z.form, h.serial)}
	if serial == h.serial || later(serial, h.serial) {
		transfers.WithLabelValues(h.head.name(z.form), "current").Inc()
		return z.send(w, r, now, nil)
	}
	changes, known := h.since(serial)
	if known {
		size := 0
		for _, c := range changes {
			size += c.size()
		}
		known = size <= h.size
	}
	if !streams(w) {
		if known {
			if all, fits := z.fitting(r, h.changed(z.form, serial, changes)); fits {
				transfers.WithLabelValues(h.head.name(z.form), "ixfr").Inc()
				return z.send(w, r, all, nil)
			}
		}
		return z.send(w, r, now, nil)
	}
	if !known {
		return z.stream(w, r, "axfr", h.whole(z.form))
	}
	return z.stream(w, r, "ixfr", h.changed(z.form, serial, changes))
}

// streams reports whether the connection can carry several messages.
func streams(w dns.ResponseWriter) bool {
	return (&request.Request{W: w}).Proto() == "tcp"
}

// signature is the space reserved for the TSIG and OPT records of a reply over UDP.
const signature = 300

// fitting returns the records if they fit into one UDP message.
func (z ClientZone) fitting(r *dns.Msg, rrs iter.Seq[dns.RR]) ([]dns.RR, bool) {
	room := dns.MinMsgSize
	if opt := r.IsEdns0(); opt != nil {
		room = max(room, int(opt.UDPSize()))
	}
	m := new(dns.Msg).SetReply(r)
	m.Compress = true
	size := 0
	for rr := range rrs {
		m.Answer = append(m.Answer, rr)
		if size += dns.Len(rr); size > mostMessage {
			return nil, false // before all of it is built
		}
	}
	return m.Answer, m.Len()+signature <= room
}

// stream waits for its turn and sends the records in as many messages as needed, or refuses. The tsig plugin signs
// each; after the first with the timers alone (RFC 8945, section 5.3.1).
func (z ClientZone) stream(w dns.ResponseWriter, r *dns.Msg, kind string, rrs iter.Seq[dns.RR]) (int, error) {
	leave, entered := transferring.enter(client.Network(client.Source(w.RemoteAddr())))
	if !entered {
		transfers.WithLabelValues(z.z.head.name(z.form), "refused").Inc()
		return dns.RcodeRefused, nil
	}
	defer leave()
	transfers.WithLabelValues(z.z.head.name(z.form), kind).Inc()
	var batch []dns.RR
	size := 0
	flush := func() error {
		_, err := z.send(w, r, batch, nil)
		w.TsigTimersOnly(true)
		batch, size = nil, 0
		return err
	}
	for rr := range rrs {
		length := dns.Len(rr)
		if size+length > mostMessage && len(batch) > 0 {
			if err := flush(); err != nil {
				return dns.RcodeSuccess, err // the messages sent cannot be taken back
			}
		}
		batch, size = append(batch, rr), size+length
	}
	return dns.RcodeSuccess, flush()
}
