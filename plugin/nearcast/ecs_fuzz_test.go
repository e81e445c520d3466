package nearcast

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/plugin/internal/client"
)

// FuzzSubnetOption passes the wire form of a client-subnet option to the code that reads
// it: it is refused, or its scope is valid for the family.
func FuzzSubnetOption(f *testing.F) {
	for _, option := range []string{
		"\x00\x01\x18\x00\x0a\x01\x02", "\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x02\x00", "\x00\x01\x00\x00", "\x00\x02\x28\x00\x20\x02\x0a\x01\x02",
		"\x00\x02\x80\x00\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x01\x02\x03", "\x00\x00\x00\x00", "\x00\x01\x21\x00\x0a\x01\x02\x03\x04",
	} {
		f.Add([]byte(option))
	}
	dir := fixture.Dir(f, map[string]string{"all.yaml": fixture.ThreeWith(hello), "l.csv": fixture.Locations})
	view, err := site.Once(site.Config{
		Source: site.Source{Manifests: dir}, Zones: []string{"fn.example.org."}, Where: steer.Site{Cluster: "mk-core"},
		Locations: locate.Files{Locations: dir + "/l.csv"},
	})
	if err != nil {
		f.Fatal(err)
	}
	source := netip.MustParseAddr("192.0.2.9")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 64 {
			return
		}
		// A query with the option, in wire format.
		m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: raw}}
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		r := new(dns.Msg)
		if r.Unpack(wire) != nil {
			return
		}
		option := client.Subnet(r)
		if option == nil {
			return
		}
		p, err := prefixOf(option)
		if err != nil {
			return
		}
		if !p.IsValid() || p.Bits() != int(option.SourceNetmask) {
			t.Fatalf("%v became %s", option, p)
		}
		c := view.Locate(source, p)
		a := &answer{client: c}
		for _, grain := range []steer.Grain{steer.ByLocation, steer.ByPrefix, steer.ByDraw} {
			a.choice.Grain = grain
			if scope, most := a.scope(option), map[uint16]uint8{0: 0, 1: 32, 2: 128}[option.Family]; scope > most {
				t.Fatalf("scope %d of %v", scope, option)
			}
		}
	})
}
