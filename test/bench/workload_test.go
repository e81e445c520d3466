package main

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var sizesTried = []size{
	{clusters: 2, functions: 10, placements: 2, locations: 1000},
	{clusters: 16, functions: 1000, placements: 8, locations: 1},
	{clusters: 256, functions: 100, placements: 8, locations: 1000},
	{clusters: 1024, functions: 100, placements: 8, locations: 1000},
}

// unpacked reads a stream like dnsperf.
func unpacked(t *testing.T, raw []byte) []*dns.Msg {
	t.Helper()
	var all []*dns.Msg
	for len(raw) > 0 {
		n := int(binary.BigEndian.Uint16(raw))
		m := new(dns.Msg)
		if err := m.Unpack(raw[2 : 2+n]); err != nil {
			t.Fatal(err)
		}
		all, raw = append(all, m), raw[2+n:]
	}
	return all
}

func TestEveryPacketAsksForAFunctionFromALocation(t *testing.T) {
	for _, s := range sizesTried {
		locations, functions := map[netip.Prefix]bool{}, map[string]bool{}
		for l := range s.locations {
			locations[s.location(l)] = true
		}
		for f := range s.functions {
			functions[functionName(f)+".fn.example.org."] = true
		}
		raw, err := stream(s.located())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		all := unpacked(t, raw)
		for _, m := range all {
			opt := m.IsEdns0()
			if opt == nil || len(opt.Option) != 1 {
				t.Fatalf("%s: want exactly one option", m)
			}
			subnet, ok := opt.Option[0].(*dns.EDNS0_SUBNET)
			if !ok || subnet.Family != 1 || subnet.SourceScope != 0 {
				t.Fatalf("%s has no valid client subnet", m)
			}
			addr, _ := netip.AddrFromSlice(subnet.Address.To4())
			if p := netip.PrefixFrom(addr, int(subnet.SourceNetmask)); !locations[p] {
				t.Fatalf("%s is not a location", p)
			}
			if !functions[m.Question[0].Name] || m.Question[0].Qtype != dns.TypeA {
				t.Fatalf("%s does not query a function's address", m)
			}
			seen[m.Question[0].Name] = true
		}
		if len(all) != asked || len(seen) != s.functions {
			t.Errorf("%d packets query %d of %d functions", len(all), len(seen), s.functions)
		}
	}
}

func TestPlainPacketsHaveNoOption(t *testing.T) {
	for _, queries := range [][]query{sizesTried[0].steered(), resolved(), sizesTried[1].mixed()} {
		raw, err := stream(queries)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range unpacked(t, raw) {
			if m.IsEdns0() != nil || !m.RecursionDesired {
				t.Fatalf("%s has an option", m)
			}
		}
	}
}

func TestTheWorkloadIsTheSameInEveryRun(t *testing.T) {
	s := sizesTried[2]
	first, err := stream(s.located())
	if err != nil {
		t.Fatal(err)
	}
	second, err := stream(s.located())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two runs have different queries")
	}
}

func TestLocationsAreDistinctAndInTheBlockOfTheirCluster(t *testing.T) {
	for _, s := range sizesTried {
		seen := map[netip.Prefix]bool{}
		for l := range s.locations {
			p := s.location(l)
			if seen[p] || p != p.Masked() {
				t.Errorf("location %d of %+v, %s, is a duplicate or not a prefix", l, s, p)
			}
			seen[p] = true
			for c := range s.clusters {
				if got, want := s.block(c).Overlaps(p), c == s.regionOf(l); got != want {
					t.Errorf("location %d of %+v in the block of cluster %d: %v", l, s, c, got)
				}
			}
		}
	}
}

func TestAFunctionIsInDistinctClustersStartingAtItsNumber(t *testing.T) {
	for _, s := range sizesTried {
		for f := range s.functions {
			placed := s.placed(f)
			distinct := slices.Compact(slices.Sorted(slices.Values(placed)))
			if len(distinct) != s.placements || distinct[0] < 0 || distinct[len(distinct)-1] >= s.clusters || placed[0] != f%s.clusters {
				t.Errorf("function %d of %+v: got clusters %v", f, s, placed)
			}
		}
	}
}

func TestNoRuleMatchesAQuery(t *testing.T) {
	blocked := map[string]bool{}
	for n := range 500_000 {
		blocked[ruleName(n)] = true
	}
	for _, q := range resolved() {
		if blocked[q.name] {
			t.Errorf("%s is blocked", q.name)
		}
	}
}

func TestASignedWorkloadIsTheLocatedOneWithDO(t *testing.T) {
	for _, s := range sizesTried {
		all, located := s.signed(), s.located()
		for i, q := range all {
			m := q.message()
			if opt := m.IsEdns0(); !opt.Do() || len(opt.Option) != 1 {
				t.Fatalf("%s lacks DO or the subnet", m)
			}
			if q.dnssec = false; q != located[i] {
				t.Fatalf("query %d is %+v, want %+v", i, q, located[i])
			}
		}
	}
}

func TestOneInFourOfAMixedWorkloadIsForAFunction(t *testing.T) {
	for _, s := range sizesTried {
		functions, others := 0, 0
		for _, q := range s.mixed() {
			if strings.HasSuffix(q.name, "."+zone) {
				functions++
			} else {
				others++
			}
		}
		if others != resolvedNames || functions*3 < others || functions*3 > others+3 {
			t.Errorf("%d functions and %d others", functions, others)
		}
	}
}
