package nearcast

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestTheKeyOfAFeedAllowsOnlyItsAlgorithm has a client with the secret sign with each
// algorithm queries to feeds whose keys have three algorithms.
func TestTheKeyOfAFeedAllowsOnlyItsAlgorithm(t *testing.T) {
	for line, own := range map[string]string{
		"feed mk key carrier":                            dns.HmacSHA256,
		"feed mk key carrier hmac-sha512":                dns.HmacSHA512,
		"feed mk to 127.0.0.0/8 key carrier hmac-sha224": dns.HmacSHA224,
	} {
		s := serve(t, feeding(line), federated(t, hello))
		apex := "mk._rpz.fn.example.org."
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if _, _, err := s.transferBy(own, apex, dns.TypeAXFR); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: no transfer", line)
			}
		}
		for _, algorithm := range []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512} {
			for _, zone := range []string{apex, "fn.example.org."} {
				for _, qtype := range []uint16{dns.TypeAXFR, dns.TypeIXFR} {
					records, rcode, err := s.transferBy(algorithm, zone, qtype)
					if algorithm == own && (err != nil || records == 0) || algorithm != own && (records > 0 || rcode != dns.RcodeRefused) {
						t.Errorf("%s: %s of %s by %s: %d records, %s, %v", line, dns.Type(qtype), zone, algorithm, records, dns.RcodeToString[rcode], err)
					}
				}
			}
		}
	}
}

// transferBy requests a zone, signed with the key carrier and the algorithm, and returns
// how many records the first message of the reply has.
func (s *server) transferBy(algorithm, zone string, qtype uint16) (records, rcode int, err error) {
	m := new(dns.Msg).SetQuestion(zone, qtype)
	if qtype == dns.TypeIXFR {
		m.SetIxfr(zone, 1, "ns.", "host.")
	}
	m.SetTsig("carrier.", algorithm, 300, time.Now().Unix())
	client := dns.Client{Net: "tcp", Timeout: 5 * time.Second, TsigSecret: map[string]string{"carrier.": feedSecret}}
	reply, _, err := client.Exchange(m, s.TCP)
	if reply == nil {
		return 0, -1, err
	}
	if err == nil && reply.Rcode != dns.RcodeSuccess {
		err = &dns.Error{}
	}
	return len(reply.Answer), reply.Rcode, err
}
