package site

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/steering/steer"
)

// Reply is one message that a server would send.
type Reply struct {
	Type string `json:"type"`
	// Text is in the form that dig prints, Wire in hexadecimal.
	Text string `json:"text"`
	Wire string `json:"wire"`
}

// replies renders the answers to a client at from; exists is false if the name does not
// exist, and fixed is true if the operator's own records decide them.
func replies(name string, from netip.Addr, render Renderer) (all []Reply, exists, fixed bool, err error) {
	for _, qtype := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		reply, own, err := render(new(dns.Msg).SetQuestion(name, qtype), from)
		if err != nil {
			return nil, false, false, err
		}
		fixed = fixed || own
		wire, err := reply.Pack()
		if err != nil {
			return nil, false, false, err
		}
		exists = reply.Rcode != dns.RcodeNameError
		all = append(all, Reply{Type: dns.TypeToString[qtype], Text: reply.String(), Wire: hex.EncodeToString(wire)})
	}
	return all, exists, fixed, nil
}

// kinds are the record types of names that are not a function's, and what these names are.
var kinds = []struct {
	qtype uint16
	what  string
}{
	{dns.TypeSOA, "the zone's own name"},
	{dns.TypeNS, "the zone's own name"},
	{dns.TypeDNSKEY, "the zone's own name"},
	{dns.TypeSRV, "a service"},
	{dns.TypeHTTPS, "a service"},
	{dns.TypePTR, "the name of an address"},
	{dns.TypeA, "a name server of the zone"},
	{dns.TypeAAAA, "a name server of the zone"},
	{dns.TypeCNAME, recordOfZone},
	{dns.TypeTXT, recordOfZone},
	{dns.TypeMX, recordOfZone},
	{dns.TypeCAA, recordOfZone},
	{dns.TypeDS, recordOfZone},
}

// recordOfZone is a name that has records of the operator's file.
const recordOfZone = "a name of the zone's records file"

// explainOther adds to e the answer for a name that is not a function's own, by querying the
// types that these names have.
func (v *View) explainOther(e *Explanation, from netip.Addr, client Client, verdicts steer.Verdicts, render Renderer) error {
	for _, kind := range kinds {
		reply, fixed, err := render(new(dns.Msg).SetQuestion(e.Name, kind.qtype), from)
		switch {
		case err != nil:
			return err
		case reply.Rcode == dns.RcodeNameError:
			return noSuchName(e.Name)
		case reply.Rcode != dns.RcodeSuccess:
			return fmt.Errorf("%s is answered with %s", e.Name, dns.RcodeToString[reply.Rcode])
		}
		records := reply.Answer
		if fixed {
			kind.what = recordOfZone
			records = own(reply, e.Name, kind.qtype)
		}
		for _, rr := range records {
			e.Records = append(e.Records, strings.Join(strings.Fields(rr.String()), " "))
			e.Outcome = cmp.Or(e.Outcome, kind.what)
		}
		if fixed && !reply.Authoritative {
			break // every type is referred alike
		}
	}
	switch function, ok := v.serviceOf(e.Name, client); {
	case len(e.Records) > 0 && ok:
		v.explainFunction(e, function, client, verdicts)
	case len(e.Records) > 0:
		e.Lasts = "maximum: no probe can change this answer"
	case slices.Contains(v.servers, e.Name):
		return fmt.Errorf("%s is a name server of its zone, but has no address (NODATA)", e.Name)
	default:
		return noRecords(e.Name)
	}
	return nil
}

// own returns the records of the type that the operator's file has at the name, without
// what an alias leads to; of a referral, the name servers.
func own(reply *dns.Msg, name string, qtype uint16) []dns.RR {
	if !reply.Authoritative {
		return reply.Ns
	}
	return slices.DeleteFunc(reply.Answer, func(rr dns.RR) bool {
		return rr.Header().Rrtype != qtype || rr.Header().Name != name
	})
}

// serviceOf returns the function for whose service the name stands:
// _service._protocol.host.
func (v *View) serviceOf(name string, client Client) (int, bool) {
	host := []byte(name)
	for range 2 {
		if len(host) == 0 || host[0] != '_' {
			return none, false
		}
		_, host, _ = bytes.Cut(host, []byte{'.'})
	}
	function, existence := v.Names.Lookup(host, client.Own)
	return function, existence == Exact || existence == Synthesised
}
