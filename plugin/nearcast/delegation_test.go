package nearcast

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	_ "github.com/coredns/coredns/plugin/file"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// nestedBlock is a server block of a zone, with lines for its nearcast beside the source.
func nestedBlock(zone, says string) string {
	return zone + ":0 {\n\tbind LOOPBACK\n\tnearcast {\n\t\tcluster mk-core\n\t\tmanifests DIR/manifests\n\t\tns ns1.fn.example.org 198.51.100.53\n\t\t" + says + "\n\t}\n}\n"
}

// TestTheParentZoneAnswersDS queries DS records, and checks the owner of the denial
// otherwise, for all ways to write nested zones.
func TestTheParentZoneAnswersDS(t *testing.T) {
	const zone, lower, lowest, apart = "fn.example.org", "sub.fn.example.org", "a.b.sub.fn.example.org", "x.y.fn.example.org"
	signs := func(keys ...string) string { return "sign DIR/" + strings.Join(keys, " DIR/") }
	all := zone + ":0 " + lower + ":0 " + lowest + ":0 " + apart
	for layout, corefile := range map[string]string{
		"one block":              nestedBlock(all, signs("fn", "sub", "ab")),
		"one block, other order": nestedBlock(lowest+":0 "+apart+":0 "+lower+":0 "+zone, signs("ab", "sub", "fn")),
		"a block each":           nestedBlock(zone, signs("fn")) + nestedBlock(lower, signs("sub")) + nestedBlock(lowest, signs("ab")) + nestedBlock(apart, ""),
		"lowest first":           nestedBlock(lowest, signs("ab")) + nestedBlock(apart, "") + nestedBlock(lower, signs("sub")) + nestedBlock(zone, signs("fn")),
		"two and two":            nestedBlock(zone+":0 "+lowest, signs("fn", "ab")) + nestedBlock(lower+":0 "+apart, signs("sub")),
		"a block for all names":  strings.Replace(nestedBlock(".", signs("fn")), "nearcast {", "nearcast "+zone+" {", 1) + nestedBlock(lower, signs("sub")) + nestedBlock(lowest, signs("ab")) + nestedBlock(apart, ""),
	} {
		t.Run(layout, func(t *testing.T) {
			dir := federated(t, hello, hosted("in", "in.sub.fn.example.org"), hosted("wild", "*.fn.example.org"))
			keys := map[string]*dns.DNSKEY{
				zone + ".": fixture.ZoneKey(t, dir, "fn", zone+"."), lower + ".": fixture.ZoneKey(t, dir, "sub", lower+"."), lowest + ".": fixture.ZoneKey(t, dir, "ab", lowest+"."),
			}
			s := serve(t, corefile, dir)
			for _, c := range []struct{ name, signer, types string }{
				{lower, zone, "DS"}, {strings.ToUpper(lower), zone, "DS"}, {lowest, lower, "DS"},
				{apart, zone, "NS RRSIG NSEC"},           // it is not signed
				{"y.fn.example.org", zone, "RRSIG NSEC"}, // it exists because of the zone
				{"b.sub.fn.example.org", lower, "RRSIG NSEC"},
				{"in." + lower, lower, "A RRSIG NSEC"},
				{"hello.demo." + zone, zone, "A RRSIG NSEC"},
				{"none.in." + lower, lower, "RRSIG NSEC NXNAME"},
				{"none." + lowest, lowest, "RRSIG NSEC NXNAME"},
				{zone, zone, "NS SOA RRSIG NSEC DNSKEY CDS CDNSKEY"}, // no parent zone is served here
			} {
				reply := s.exchange(wanted(c.name+".", dns.TypeDS, true, false))
				got, signer := evidence(t, reply, keys)
				if !reply.Authoritative || reply.Rcode != dns.RcodeSuccess || got != c.types || signer != c.signer+"." {
					t.Errorf("%s: %s by %s, want %s by %s\n%s", c.name, got, signer, c.types, c.signer, reply)
				}
				for _, rr := range reply.Answer {
					ds, ok := rr.(*dns.DS)
					if ok && ds.Digest != keys[strings.ToLower(c.name)+"."].ToDS(dns.SHA256).Digest {
						t.Errorf("%s: %s", c.name, ds)
					}
				}
			}
			// Without DO, the same zone answers.
			if reply := s.exchange(wanted(apart+".", dns.TypeDS, false, false)); len(reply.Ns) != 1 || reply.Ns[0].Header().Name != zone+"." {
				t.Errorf("%s: %s", apart, reply)
			}
			if reply := s.exchange(wanted("q.y.fn.example.org.", dns.TypeA, false, false)); reply.Rcode != dns.RcodeNameError {
				t.Errorf("a wildcard matches below a name that exists: %s", reply)
			}
		})
	}
}

// hosted is a function with one name.
func hosted(name, hostname string) fixture.Function {
	return fixture.Function{Name: name, Annotations: fixture.Unprobed("nearcast.dev/hostname", hostname), Clusters: fixture.ThreeNames}
}

// evidence returns what a reply says about DS, with the signer: that there are records,
// or which types the name has instead. It verifies all signatures.
func evidence(t *testing.T, reply *dns.Msg, keys map[string]*dns.DNSKEY) (says, signer string) {
	t.Helper()
	section := reply.Answer
	if len(section) == 0 {
		section = reply.Ns
	}
	sets := map[uint16][]dns.RR{}
	for _, rr := range section {
		switch rr := rr.(type) {
		case *dns.RRSIG:
			continue
		case *dns.DS:
			says = "DS"
		case *dns.NSEC:
			var types []string
			for _, bit := range rr.TypeBitMap {
				types = append(types, dns.Type(bit).String())
			}
			says = strings.Join(types, " ")
		}
		sets[rr.Header().Rrtype] = append(sets[rr.Header().Rrtype], rr)
	}
	for _, rr := range section {
		if sig, ok := rr.(*dns.RRSIG); ok {
			if signer = strings.ToLower(sig.SignerName); keys[signer] == nil {
				t.Errorf("signed by %s: %s", signer, reply)
			} else if err := sig.Verify(keys[signer], sets[sig.TypeCovered]); err != nil {
				t.Errorf("%v: %s", err, sig)
			}
		}
	}
	return says, signer
}

// TestADelegationHasAllKeysOrNone checks that a zone that only one of two blocks signs is
// insecure to the clients of both, not bogus to some.
func TestADelegationHasAllKeysOrNone(t *testing.T) {
	dir := t.TempDir()
	signerOf := func(base string) *signer {
		fixture.ZoneKey(t, dir, base, "sub.fn.example.org.")
		key, err := readKey(dir + "/" + base)
		if err != nil {
			t.Fatal(err)
		}
		return newSigner("sub.fn.example.org.", []signingKey{key}, 30)
	}
	one, two := signerOf("one"), signerOf("two")
	// These keys have other algorithms, as in one block during an algorithm rollover.
	signing := func(algorithms ...uint8) *signer {
		var keys []signingKey
		for _, algorithm := range algorithms {
			key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "sub.fn.example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: 257, Protocol: 3, Algorithm: algorithm, PublicKey: "a2V5"}
			keys = append(keys, signingKey{public: key, tag: key.KeyTag()})
		}
		return newSigner("sub.fn.example.org.", keys, 30)
	}
	old, both, other := signing(dns.RSASHA256), signing(dns.RSASHA256, dns.ED25519), signing(dns.ED25519)
	for _, c := range []struct {
		lower     []*signer
		elsewhere []string
		want      int
	}{
		{[]*signer{one}, nil, 1},
		{[]*signer{one, two}, nil, 2},
		{[]*signer{one, one}, nil, 1},
		{[]*signer{one, nil}, nil, 0},
		{[]*signer{both}, nil, 2},
		{[]*signer{old, both}, nil, 1},
		{[]*signer{both, other, both}, nil, 1},
		{[]*signer{old, other}, nil, 0},
		{[]*signer{old, both, other}, nil, 0},
		{[]*signer{nil}, nil, 0},
		{[]*signer{one}, []string{"sub.fn.example.org."}, 0},
		{nil, []string{"sub.fn.example.org.", "fn.example.org.", "example.org."}, 0},
		{[]*signer{one}, []string{"notsub.fn.example.org.", "in.sub.fn.example.org."}, 1},
	} {
		upper := &Nearcast{Zones: []Zone{{Name: "fn.example.org."}}}
		all := []*Nearcast{upper}
		for _, s := range c.lower {
			all = append(all, &Nearcast{Zones: []Zone{{Name: "sub.fn.example.org.", signer: s}}})
		}
		delegate(all, c.elsewhere)
		d := upper.Zones[0].delegation([]byte("sub.fn.example.org."))
		if d == nil {
			t.Errorf("%+v: not delegated", c)
		} else if got := d.records(dns.RR_Header{}); len(got) != c.want {
			t.Errorf("%+v: %v, want %d", c, got, c.want)
		}
		if upper.Zones[0].delegation([]byte("in.sub.fn.example.org.")) != nil {
			t.Errorf("%+v: a name inside a lower zone is delegated", c)
		}
	}
}

// TestZonesOfOtherPluginsAreDelegated has a plugin that knows nothing of nearcast.
func TestZonesOfOtherPluginsAreDelegated(t *testing.T) {
	dir := federated(t, hello)
	keys := map[string]*dns.DNSKEY{"fn.example.org.": fixture.Key(t, dir, "key")}
	fixture.Write(t, dir+"/zone", "$ORIGIN files.fn.example.org.\n@ 30 SOA ns h 1 2 3 4 5\n@ 30 NS ns\nns 30 A 192.0.2.9\n")
	s := serve(t, nestedBlock("fn.example.org", "sign DIR/key")+"files.fn.example.org:0 {\nbind LOOPBACK\nfile DIR/zone\n}\n", dir)
	if got, signer := evidence(t, s.exchange(wanted("files.fn.example.org.", dns.TypeDS, true, false)), keys); got != "NS RRSIG NSEC" || signer != "fn.example.org." {
		t.Errorf("%s by %s", got, signer)
	}
	if reply := s.exchange(wanted("ns.files.fn.example.org.", dns.TypeA, true, false)); len(reply.Answer) != 1 {
		t.Errorf("%s", reply)
	}
}

// TestClientsOutsideAnInnerViewSeeNoZoneInside has an inner zone that is answered only
// for other clients.
func TestClientsOutsideAnInnerViewSeeNoZoneInside(t *testing.T) {
	dir := federated(t, hello, hosted("in", "in.sub.fn.example.org"), hosted("wild", "*.fn.example.org"))
	keys := map[string]*dns.DNSKEY{"fn.example.org.": fixture.Key(t, dir, "key"), "sub.fn.example.org.": fixture.ZoneKey(t, dir, "sub", "sub.fn.example.org.")}
	inner := strings.Replace(nestedBlock("sub.fn.example.org", "sign DIR/sub"), "nearcast", "view inner {\nexpr incidr(client_ip(), '192.0.2.0/24')\n}\nnearcast", 1)
	s := serve(t, nestedBlock("fn.example.org", "sign DIR/key")+inner, dir)
	for name, want := range map[string]int{"in.sub.fn.example.org.": 1, "sub.fn.example.org.": 0, "other.sub.fn.example.org.": 0} {
		reply := s.exchange(wanted(name, dns.TypeA, true, false))
		answers := slices.DeleteFunc(slices.Clone(reply.Answer), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeA })
		if _, signer := evidence(t, reply, keys); signer != "fn.example.org." || len(answers) != want {
			t.Errorf("%s: %s", name, reply)
		}
	}
}

// TestExplainUsesTheLongestMatchingZone lists the block of the parent zone first.
func TestExplainUsesTheLongestMatchingZone(t *testing.T) {
	upper, lower := &Nearcast{Zones: []Zone{{Name: "fn.example.org."}}}, &Nearcast{Zones: []Zone{{Name: "demo.fn.example.org."}}}
	for name, want := range map[string]*Nearcast{"hello.demo.fn.example.org.": lower, "demo.fn.example.org.": lower, "web.fn.example.org.": upper, "example.net.": nil} {
		for _, blocks := range [][]*Nearcast{{upper, lower}, {lower, upper}} {
			if got := responsible(blocks, []byte(name)); got != want {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

// TestCheckReportsUnsignedAnswersInASignedZone reads Corefiles.
func TestCheckReportsUnsignedAnswersInASignedZone(t *testing.T) {
	dir := federated(t, hello)
	fixture.Key(t, dir, "key")
	fixture.ZoneKey(t, dir, "sub", "sub.fn.example.org.")
	const zone, lower = "fn.example.org", "sub.fn.example.org"
	const inside, through = ": sign: sub.fn.example.org. is inside the signed zone fn.example.org., and the blocks that serve it do not all sign it", ": fallthrough: fn.example.org. is signed"
	for corefile, want := range map[string]string{
		nestedBlock(zone, "sign DIR/key") + nestedBlock(lower, "sign DIR/sub"): "",
		nestedBlock(zone, "") + nestedBlock(lower, ""):                         "",
		nestedBlock(zone, "") + nestedBlock(lower, "sign DIR/sub"):             "",
		nestedBlock(zone, "sign DIR/key") + nestedBlock(lower, ""):             "Corefile:7" + inside,
		nestedBlock(lower, "") + nestedBlock(zone, "sign DIR/key"):             "Corefile:16" + inside,
		nestedBlock(lower+":0 "+zone, "sign DIR/key"):                          "Corefile:7" + inside,
		nestedBlock(zone, "sign DIR/key") + lower + ":0 {\nwhoami\n}\n":        "Corefile:7" + inside,
		nestedBlock(zone, "sign DIR/key\nfallthrough"):                         "Corefile:8" + through,
		nestedBlock(zone, "sign DIR/key\nfallthrough in."+zone):                "Corefile:8" + through,
		nestedBlock(zone, "sign DIR/key\nfallthrough other.example"):           "",
		nestedBlock(zone, "fallthrough"):                                       "",
	} {
		fixture.Write(t, dir+"/Corefile", strings.NewReplacer("DIR", dir, "LOOPBACK", "127.0.0.1").Replace(corefile))
		_, faults, warnings := Check(dir + "/Corefile")
		if len(faults) > 0 || (want == "") != (len(warnings) == 0) || want != "" && (len(warnings) != 1 || !strings.Contains(warnings[0].Error(), want)) {
			t.Errorf("%s%v %v, want %s", corefile, faults, warnings, want)
		}
	}
}
