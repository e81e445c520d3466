package dnssec_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// The zones inside the signed one: two levels of signed zones, one below a name that
// would not exist otherwise, an unsigned one, and one that another plugin answers.
const (
	inside    = "sub." + origin
	innermost = "deep." + inside
	beneath   = "a.b." + origin
	bare      = "bare." + origin
	files     = "files." + origin
)

// layouts are the ways to configure them.
var layouts = map[string]string{
	"in one block": origin + ":PORT " + inside + ":PORT " + innermost + ":PORT " + beneath + ":PORT " + bare + `:PORT {
		bind 127.0.0.1
		nearcast {
			COMMON
			sign DIR/fn DIR/sub DIR/deep.key DIR/b.private
		}
	}
`,
	"in a block each": block(innermost, "deep") + block(inside, "sub") + block(origin, "fn") + block(beneath, "b") + block(bare, ""),
	"in a block for all names": ".:PORT {\nbind 127.0.0.1\nnearcast " + origin + " {\nCOMMON\nsign DIR/fn\n}\n}\n" +
		block(innermost, "deep") + block(inside, "sub") + block(beneath, "b") + block(bare, ""),
	"over direct": strings.ReplaceAll(block(inside, "sub")+block(innermost, "deep")+block(origin, "fn")+block(beneath, "b")+block(bare, ""), "nearcast {", "direct\nnearcast {"),
	"in views, with a key for each": view(they, origin, "fn") + view(we, origin, "fn") + view(they, inside, "sub2") + view(we, inside, "sub") +
		block(innermost, "deep") + block(beneath, "b") + view(they, bare, "bare") + view(we, bare, ""),
}

func block(zone, key string) string {
	return zone + ":PORT {\nbind 127.0.0.1\n" + plugin(key) + "}\n"
}

// view is a block for the clients in the net.
func view(net, zone, key string) string {
	return zone + ":PORT {\nbind 127.0.0.1\nview v" + key + " {\nexpr incidr(client_ip(), '" + net + "')\n}\n" + plugin(key) + "}\n"
}

// This machine's network, and one that nobody has.
const (
	we   = "127.0.0.0/8"
	they = "192.0.2.0/24"
)

func plugin(key string) string {
	if key == "" {
		return "nearcast {\nCOMMON\n}\n"
	}
	return "nearcast {\nCOMMON\nsign DIR/" + key + "\n}\n"
}

// nestedCorners returns the questions, and what validators must say.
func nestedCorners(filed bool) map[ask]string {
	all := map[ask]string{}
	put := func(want, name string, types ...uint16) {
		for _, qtype := range types {
			all[ask{name, qtype, false}] = want
		}
	}
	// The DS of the topmost zone belongs to its parent.
	put("data", origin, dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY, dns.TypeNSEC)
	put("data", "hello.demo."+origin, dns.TypeA)
	put("nodata", "b."+origin, dns.TypeA, dns.TypeDS, dns.TypeNS)
	for _, zone := range []string{inside, innermost, beneath} {
		put("data", zone, dns.TypeDS, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY, dns.TypeNSEC, dns.TypeANY)
		put("nodata", zone, dns.TypeA, dns.TypeMX, dns.TypeNSEC3, dns.TypeNSEC3PARAM)
		put("data", "in."+zone, dns.TypeA, dns.TypeNSEC)
		put("nodata", "in."+zone, dns.TypeAAAA, dns.TypeDS)
		put("nodata", "none."+zone, dns.TypeA, dns.TypeDS)
		put("nodata", "x.in."+zone, dns.TypeA)
		put("nodata", ofOctets(255, "a")[:len(ofOctets(255, "a"))-(len(zone)-len(origin))-1]+"."+zone, dns.TypeA)
	}
	put("nodata", bare, dns.TypeDS)
	put("unsigned data", bare, dns.TypeSOA, dns.TypeNS)
	put("unsigned nodata", bare, dns.TypeMX, dns.TypeDNSKEY)
	put("unsigned data", "in."+bare, dns.TypeA)
	put("unsigned nodata", "in."+bare, dns.TypeAAAA, dns.TypeDS)
	put("unsigned NXDOMAIN", "none."+bare, dns.TypeA)
	if filed {
		put("nodata", files, dns.TypeDS)
		put("unsigned data", files, dns.TypeSOA)
		put("unsigned data", "in."+files, dns.TypeA)
		put("unsigned NXDOMAIN", "none."+files, dns.TypeA)
	}
	return all
}

// TestZonesInsideASignedZoneAreNeverBogus queries every layout through Unbound and delv.
func TestZonesInsideASignedZoneAreNeverBogus(t *testing.T) {
	for name, corefile := range layouts {
		t.Run(name, func(t *testing.T) {
			dir := federation(t)
			key := fixture.ZoneKey(t, dir, "fn", origin)
			fixture.ZoneKey(t, dir, "sub", inside)
			fixture.ZoneKey(t, dir, "sub2", inside)
			fixture.ZoneKey(t, dir, "deep", innermost)
			fixture.ZoneKey(t, dir, "b", beneath)
			fixture.ZoneKey(t, dir, "bare", bare)
			// CoreDNS queries the zone's own block for its DS if the block above it is
			// for all names, and only nearcast passes the query on.
			filed := name != "in a block for all names"
			if filed {
				fixture.Write(t, dir+"/files", "$ORIGIN "+files+"\n$TTL 30\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nin A 192.0.2.1\n")
				corefile += files + ":PORT {\nbind 127.0.0.1\nfile DIR/files\n}\n"
			}
			port := nearcast(t, dir, corefile)
			validating, byDelv := unbound(t, port, key, inside, innermost, beneath, bare, files), delv(t, key)
			asked := nestedCorners(filed)
			valid := 0
			for a, want := range asked {
				reply := exchange(t, validating, a)
				got := kind(reply, a)
				if !reply.AuthenticatedData {
					got = "unsigned " + got
				}
				if got != want {
					t.Errorf("%s through Unbound: got %s, want %s\n%s\n%s", a, got, want, reply, exchange(t, port, a))
					continue
				}
				valid++
				if testing.Short() {
					continue
				}
				want = strings.Replace(want, "NXDOMAIN", "nodata", 1) // delv does not distinguish them
				if verdict, printed := byDelv(port, a); verdict != want {
					t.Errorf("%s by delv: got %s, want %s\n%s", a, verdict, want, printed)
				}
			}
			t.Logf("%d of %d answers are as expected", valid, len(asked))
		})
	}
}
