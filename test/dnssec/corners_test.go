package dnssec_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// ofOctets makes labels of the letter, long ones first, so that a name of the zone has so
// many octets on the wire.
func ofOctets(octets int, letter string) string {
	room := octets - len(origin) - 1
	var b strings.Builder
	for room > 0 {
		n := min(63, room-1)
		if room-n-1 == 1 {
			n--
		}
		b.WriteString(strings.Repeat(letter, n) + ".")
		room -= n + 1
	}
	return b.String()
}

// turned returns the labels in reverse order, so that the short one comes first.
func turned(labels string) string {
	all := strings.Split(strings.TrimSuffix(labels, "."), ".")
	var b strings.Builder
	for i := len(all) - 1; i >= 0; i-- {
		b.WriteString(all[i] + ".")
	}
	return b.String()
}

// everyType are the types that names have, those of DNSSEC, and others.
var everyType = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeMX, dns.TypeHTTPS, dns.TypeSRV, dns.TypeNS, dns.TypeSOA,
	dns.TypeDNSKEY, dns.TypeDS, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeRRSIG, dns.TypeNXNAME, dns.TypeANY, dns.TypeHINFO,
}

// corners returns names of every kind with every type, and odd names with a few types.
func corners() (all []ask) {
	for _, name := range []string{
		"", "hello.demo.", "HELLO.Demo.", "demo.", "web.", "_https._tcp.web.", "_8443._https.web.", "ns1.", "any.apps.", "apps.", "none.",
	} {
		for _, qtype := range everyType {
			all = append(all, ask{name + origin, qtype, false})
		}
	}
	// In random case, as resolvers use (0x20): the signed data contains the name, too.
	for name, qtype := range map[string]uint16{
		"_8443._HttpS.wEb.": dns.TypeHTTPS, "_HTTPS._tcP.WeB.": dns.TypeSRV, "WEB.": dns.TypeHTTPS, "weB.": dns.TypeTXT, "aNy.aPPs.": dns.TypeA, "NS1.": dns.TypeA,
	} {
		all = append(all, ask{name + "Fn.eXample.ORG.", qtype, false})
	}
	odd := []string{
		// Escapes, capitals and asterisks.
		`\000.`, `\255.`, `\000.apps.`, `\255\255.apps.`, `a\.b.`, `a\.b.apps.`, `\\.`, `a\032b.apps.`, `A\000B.apps.`, `x\000Y.`, `\@.`, `Z.`, `\(\;\".`, `\091.apps.`,
		"*.", "*.apps.", "*.none.", "*x.", "*x.apps.", "**.apps.", "a.*.apps.", "*.any.apps.", "*.hello.demo.",
		// Names around those that exist.
		"x.hello.demo.", "x.demo.", "a.b.c.apps.", "x.ns1.", "er.", "x.er.", "deep.er.", "a.none.", "_tcp.web.", "_https.web.", "x._https._tcp.web.", "_udp.web.", "_tcp.any.apps.",
		strings.Repeat("l", 63) + ".", strings.Repeat("l", 63) + ".apps.", strings.Repeat(`\255`, 63) + ".", strings.Repeat("m.", 100),
	}
	for octets := 250; octets <= 255; octets++ {
		odd = append(odd, ofOctets(octets, "a"), turned(ofOctets(octets, "b")), strings.Replace(ofOctets(octets-5, "w"), "w", "W", 1)+"apps.")
	}
	for octets := 253; octets <= 255; octets++ {
		for _, letter := range []string{`\255`, "Z", `\@`, `\000`, `\064`} {
			odd = append(odd, ofOctetsEscaped(octets, letter), turned(ofOctetsEscaped(octets, letter)))
		}
	}
	odd = append(odd, strings.TrimSuffix(longest, origin), strings.ToUpper(strings.TrimSuffix(longest, origin)), "g"+strings.TrimSuffix(longest, origin)[1:])
	for _, name := range odd {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeNSEC, dns.TypeDS} {
			all = append(all, ask{name + origin, qtype, false})
		}
	}
	return all
}

// ofOctetsEscaped is ofOctets for a letter that is written as an escape.
func ofOctetsEscaped(octets int, letter string) string {
	return strings.ReplaceAll(ofOctets(octets, "e"), "e", letter)
}

// sample returns all questions, or a few of them with -short.
func sample(all []ask) []ask {
	if !testing.Short() {
		return all
	}
	var few []ask
	for i := 0; i < len(all); i += 11 {
		few = append(few, all[i])
	}
	return few
}

// expected returns what validators must say about an answer of Nearcast, given what Knot
// answers for the same zone, and why that differs.
func expected(a ask, knots string) (want, why string) {
	switch a.qtype {
	case dns.TypeNXNAME:
		return "FORMERR", "RFC 9824, section 3.5"
	case dns.TypeRRSIG:
		return "data", "RFC 8482, section 7, and every name has a signed NSEC"
	case dns.TypeANY:
		if a.name == "none."+origin || knots == "nodata" {
			return "nodata", ""
		}
		return "data", "" // HINFO for all (RFC 8482, section 4.2)
	}
	return knots, ""
}

// apexDS is what resolvers query in the parent zone, which nobody serves here.
var apexDS = ask{origin, dns.TypeDS, false}

// TestEveryCornerCaseIsValidated queries Nearcast and Knot, directly and through Unbound, and
// Nearcast through delv: the answer parses, is valid, and says the same as that of Knot.
func TestEveryCornerCaseIsValidated(t *testing.T) {
	dir := federation(t)
	key := fixture.Key(t, dir, "key")
	ours := nearcast(t, dir, origin+":PORT {\nbind 127.0.0.1\nnearcast {\nCOMMON\nsign DIR/key\n}\n}")
	theirs, knotKey := knot(t)
	oursValidated, theirsValidated := unbound(t, ours, key), unbound(t, theirs, knotKey)
	byDelv := delv(t, key)
	asked := sample(corners())
	counts := map[string]int{}
	for _, a := range asked {
		direct, knots := exchange(t, ours, a), exchange(t, theirs, a)
		want, why := expected(a, kind(knots, a))
		got := kind(direct, a)
		if got != want {
			t.Errorf("%s: got %s, Knot %s, want %s\n%s\n%s", a, got, kind(knots, a), want, direct, knots)
		}
		if why != "" && kind(knots, a) != want {
			counts["Knot differs: "+why]++
		}
		disabled := ask{a.name, a.qtype, true}
		// An authoritative server clears CD (RFC 4035, section 3.1.6).
		if cd := exchange(t, ours, disabled); cd.CheckingDisabled || kind(cd, a) != got || len(cd.Answer) != len(direct.Answer) || len(cd.Ns) != len(direct.Ns) {
			t.Errorf("%s with CD: got %s", a, cd)
		}
		counts["Nearcast "+got]++
		if got == "FORMERR" || a == apexDS {
			continue
		}
		through, beside := exchange(t, oursValidated, a), exchange(t, theirsValidated, a)
		if kind(through, a) != got || through.AuthenticatedData != (a.qtype != dns.TypeRRSIG) {
			t.Errorf("%s through Unbound: got %s\n%s", a, through, direct)
		} else {
			counts["Nearcast through Unbound, valid"]++
		}
		if cd := exchange(t, oursValidated, disabled); kind(cd, a) != got {
			t.Errorf("%s with CD through Unbound: %s", a, cd)
		}
		if beside.AuthenticatedData {
			counts["Knot through Unbound, valid"]++
		} else {
			counts["Knot through Unbound, not valid"]++
			t.Logf("Knot, not valid through Unbound: %s %s", a, kind(beside, a))
		}
	}
	// In reverse order: a denial now must not cover what was answered before.
	for i := len(asked) - 1; i >= 0; i-- {
		a := asked[i]
		if a.qtype == dns.TypeNXNAME || a == apexDS {
			continue
		}
		if reply := exchange(t, oursValidated, a); kind(reply, a) != kind(exchange(t, ours, a), a) {
			t.Errorf("%s through Unbound, queried again: got %s", a, reply)
		}
	}
	counts["Nearcast by delv, valid"] = validated(t, byDelv, ours, asked)
	t.Logf("%d corner cases: %v", len(asked), counts)
}

// validated queries with delv, and returns how many answers it finds valid.
func validated(t *testing.T, byDelv func(string, ask) (string, string), port string, asked []ask) int {
	t.Helper()
	questions := make(chan ask)
	var mu sync.Mutex
	var asking sync.WaitGroup
	valid := 0
	for range 4 {
		asking.Go(func() {
			for a := range questions {
				verdict, printed := byDelv(port, a)
				mu.Lock()
				if want := kind(exchange(t, port, a), a); verdict != want {
					t.Errorf("%s by delv: got %s, want %s\n%s", a, verdict, want, printed)
				} else {
					valid++
				}
				mu.Unlock()
			}
		})
	}
	for _, a := range asked {
		if a.qtype != dns.TypeRRSIG && a.qtype != dns.TypeNXNAME && a != apexDS { // delv waits for signatures of signatures
			questions <- a
		}
	}
	close(questions)
	asking.Wait()
	return valid
}
