package nearcast

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// model is a zone as RFC 1034 and RFC 4592 have it: the data of each name, by type. It knows no difference between
// functions and the file.
type model map[string]map[uint16]string

const apexName = "fn.example.org."

// answer returns what is answered for the type at the name.
func (m model) answer(name string, qtype uint16) string {
	for at := name; at != apexName; at = above(at) {
		if m[at][dns.TypeNS] != "" {
			return "referral to " + at
		}
	}
	if !m.exists(name) {
		for name = above(name); !m.exists(name); name = above(name) {
		}
		if name = "*." + name; m[name] == nil {
			return "NXDOMAIN"
		}
	}
	if data := m[name][qtype]; data != "" {
		return data
	}
	return "NODATA"
}

func above(name string) string { _, parent, _ := strings.Cut(name, "."); return parent }

func (m model) exists(name string) bool {
	for other := range m {
		if dns.IsSubDomain(name, other) {
			return true
		}
	}
	return name == apexName
}

// TestFunctionsAndAFileAreOneZone makes functions and files of few labels, so that names are above, below and at each
// other, and compares all names with the model.
func TestFunctionsAndAFileAreOneZone(t *testing.T) {
	labels := []string{"a", "b", "c"}
	names := []string{}
	for _, x := range labels {
		names = append(names, x+"."+apexName)
		for _, y := range labels {
			names = append(names, y+"."+x+"."+apexName)
			for _, z := range labels {
				names = append(names, z+"."+y+"."+x+"."+apexName)
			}
		}
	}
	rounds := 40
	if testing.Short() {
		rounds = 15
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 25)) //nolint:gosec // a test
		some := func(n int) (all []string) {
			for range n {
				name := names[r.IntN(len(names))]
				if r.IntN(3) == 0 {
					name = "*." + name
				}
				all = append(all, name)
			}
			slices.Sort(all)
			return slices.Compact(all)
		}
		m := model{"ns1." + apexName: {dns.TypeA: "198.51.100.53"}, "deep.down." + apexName: {dns.TypeA: "198.51.100.54"}}
		var file strings.Builder
		add := func(name string, qtype uint16, data string) {
			if m[name] == nil {
				m[name] = map[uint16]string{}
			}
			m[name][qtype] = data
			fmt.Fprintf(&file, "%s 60 %s %s\n", name, dns.Type(qtype), data)
		}
		file.WriteString("; generated\n")
		for _, name := range some(4) {
			switch kind := r.IntN(4); {
			case kind == 0 && name[0] != '*' && m[name] == nil:
				add(name, dns.TypeNS, "ns.example.net.")
			case kind == 1:
				add(name, dns.TypeTXT, `"file"`)
			default:
				add(name, dns.TypeA, "198.51.100.1")
			}
		}
		hostnames := some(5)
		for _, name := range hostnames {
			if m[name] == nil {
				m[name] = map[uint16]string{}
			}
			if m[name][dns.TypeA] == "" && m[name][dns.TypeNS] == "" {
				m[name][dns.TypeA] = "192.0.2.1"
			}
		}
		dir := federated(t, fixture.Function{Name: "all", Clusters: fixture.ThreeNames, Annotations: fixture.Unprobed("nearcast.dev/hostname", strings.ReplaceAll(strings.Join(hostnames, ","), "org.", "org"))})
		fixture.Write(t, filepath.Join(dir, "records"), file.String())
		s := serve(t, strings.Replace(atMkCore, "cluster", "claim demo fn.example.org addresses 192.0.2.0/24\nrecords DIR/records\ncluster", 1), dir)
		for _, name := range append(names, "down."+apexName, "x.down."+apexName, "x.ns1."+apexName) {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeTXT} {
				if got, want := said(s.ask(name, qtype, "")), m.answer(name, qtype); got != want {
					t.Errorf("seed %d: %s %s: %s, want %s\nfile:\n%sfunctions: %v\nzone: %v", seed, name, dns.Type(qtype), got, want, file.String(), hostnames, slices.Sorted(maps.Keys(m)))
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// said is a reply in the words of the model.
func said(m *dns.Msg) string {
	switch {
	case m.Rcode == dns.RcodeNameError:
		return "NXDOMAIN"
	case !m.Authoritative && len(m.Ns) > 0:
		return "referral to " + m.Ns[0].Header().Name
	case len(m.Answer) == 0:
		return "NODATA"
	}
	var all []string
	for _, rr := range m.Answer {
		all = append(all, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return strings.Join(all, " ")
}
