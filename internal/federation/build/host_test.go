package build

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
	"github.com/nearcast/nearcast/internal/federation/staging"
)

// probing is evil/w with the hostnames, or its default name if there are none, and a
// probe of the URL.
func probing(hostnames, url string) *federation.Template {
	if hostnames == "" {
		return service("evil", "w", "probe", url)
	}
	return service("evil", "w", "probe", url, "hostname", hostnames)
}

// targetOf returns the probe's target of the function in its only cluster, and its
// faults.
func targetOf(t *testing.T, s *federation.State, of federation.Ref) (string, []federation.Fault) {
	t.Helper()
	for _, f := range s.All() {
		if f.Ref() == of && len(f.Placements) == 1 {
			return f.Placements[0].Target.Value().String(), slices.DeleteFunc(slices.Clone(s.Faults), func(f federation.Fault) bool { return f.Object != of.String() })
		}
	}
	t.Fatalf("%s has no placement; faults: %v", of, s.Faults)
	return "", nil
}

func TestAProbeUsesOnlyTheFunctionsHostnames(t *testing.T) {
	const ownName, zone = "w.evil.fn.example.org", ".fn.example.org"
	victims := []federation.Object{
		service("bank", "ledger", "access", "private"), service("bank", "b", "hostname", "x.wild"+zone+",*.y.wild"+zone+",deep.z.wild"+zone),
	}
	for _, c := range []struct{ hostnames, url, host string }{
		{"", "http:///", ownName},
		{"", "https://" + ownName + "/", ownName},
		{"", "http://W.Evil.FN.example.org/", ownName},
		{"", "http://" + ownName + "./", ownName},
		{"a" + zone + ",b" + zone, "http:///", "a" + zone},
		{"a" + zone + ",b" + zone, "http://b" + zone + "/", "b" + zone},
		{"*.wild" + zone, "http:///", "nearcast-probe.wild" + zone},
		{"*.wild" + zone + ",a" + zone, "http:///", "a" + zone},
		{"*.wild" + zone, "http://one.wild" + zone + "/", "one.wild" + zone},
		{"*.wild" + zone, "http://two.one.wild" + zone + "/", "two.one.wild" + zone},
		// Names of others, or of nobody.
		{"", "http://ledger.bank" + zone + "/account", ""},
		{"", "https://ledger.bank" + zone + "/account", ""},
		{"", "grpc://ledger.bank" + zone + ":80/", ""},
		{"", "http://LEDGER.bank" + zone + "./account", ""},
		{"", "http://evil" + zone + "/", ""},
		{"", "http://below.w.evil" + zone + "/", ""},
		{"", "http://www.example.com/", ""},
		{"", "http://192.0.2.1/", ""},
		{"", "http://[fd00:ec2::254]/latest/", ""},
		{"", "http://metadata/", ""},
		{"a" + zone, "http://" + ownName + "/", ""}, // which it does not own
		{"a" + zone + ",x.wild" + zone, "http://x.wild" + zone + "/", ""},
		// Its wildcard covers none of these.
		{"*.wild" + zone, "http://wild" + zone + "/", ""},
		{"*.wild" + zone, "http://x.wild" + zone + "/", ""},
		{"*.wild" + zone, "http://below.x.wild" + zone + "/", ""},
		{"*.wild" + zone, "http://any.y.wild" + zone + "/", ""},
		{"*.wild" + zone, "http://deep.z.wild" + zone + "/", ""},
		{"*.wild" + zone, "http://notwild" + zone + "/", ""},
	} {
		evil := probing(c.hostnames, c.url)
		got, faults := targetOf(t, world(Options{}, append(victims, cluster("a", "192.0.2.1"), evil, bound(evil.Ref(), "a"))...), evil.Ref())
		switch host := "(host " + c.host + ")"; {
		case c.host != "" && (!strings.HasSuffix(got, host) || len(faults) > 0):
			t.Errorf("%s of %q: %s, %v; want %s", c.url, c.hostnames, got, faults, host)
		case c.host == "" && (!strings.HasPrefix(got, "tcp://192.0.2.1:") || strings.Contains(got, "host")):
			t.Errorf("%s of %q: %s is sent", c.url, c.hostnames, got)
		case c.host == "" && !slices.ContainsFunc(faults, func(f federation.Fault) bool {
			return f.Key == annotation.Probe && strings.Contains(f.Reason, "is not one of the function's hostnames")
		}):
			t.Errorf("%s of %q: faults %v", c.url, c.hostnames, faults)
		}
	}
}

// TestAProbesHostFollowsTheNames adds and removes names below a wildcard, and compares
// the targets with those of a build from scratch.
func TestAProbesHostFollowsTheNames(t *testing.T) {
	const base = "w.fn.example.org"
	names := []string{"a." + base, "b.a." + base, "c.b.a." + base, "*.a." + base, "*.b.a." + base, base}
	seen := map[federation.ProbeKind]bool{}
	rapid.Check(t, func(t *rapid.T) {
		store, m, opts := staging.NewStore(), new(Builder), Options{Zones: []string{"fn.example.org."}}
		evil := service("evil", "evil", "hostname", "*."+base, "probe", "http://c.b.a."+base+"/")
		for _, o := range []federation.Object{cluster("a", "192.0.2.1"), evil, bound(evil.Ref(), "a")} {
			store.Put(staging.Whole(o))
		}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			bank := fmt.Sprintf("b%d", rapid.IntRange(0, 2).Draw(t, "who"))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				store.Put(staging.Reading{Ref: federation.Ref{Kind: "Service", Namespace: "bank", Name: bank}})
			case 1:
				store.Put(staging.Whole(service("evil", "evil", "hostname", rapid.SampledFrom([]string{"*." + base, "*.a." + base, "other.fn.example.org"}).Draw(t, "hostname"), "probe", "http://c.b.a."+base+"/")))
			default:
				store.Put(staging.Whole(service("bank", bank, "hostname", rapid.SampledFrom(names).Draw(t, "name"))))
			}
			got, want := m.Build(store, opts), buildAll(store, opts)
			if !reflect.DeepEqual(got.Faults, want.Faults) {
				t.Fatalf("faults %v, and in a fresh build %v", got.Faults, want.Faults)
			}
			probed := func(s *federation.State) (target federation.Target) {
				for _, f := range s.All() {
					if f.Namespace == "evil" && len(f.Placements) > 0 {
						target = f.Placements[0].Target.Value()
					}
				}
				return target
			}
			if probed(got) != probed(want) {
				t.Fatalf("%s is probed, and in a fresh build %s", probed(got), probed(want))
			}
			seen[probed(got).Kind] = true
			fresh := &Builder{Options: opts}
			store.Changes(0, fresh.take)
			fresh.build()
			if len(m.probers) != len(fresh.probers) {
				t.Fatalf("the builder has probers of %d names, and a new one of %d", len(m.probers), len(fresh.probers))
			}
		}
	})
	if !seen[federation.ProbeHTTP] || !seen[federation.ProbeTCP] {
		t.Errorf("only %v were seen", seen)
	}
}

// FuzzAProbeSendsNoHostOfOthers lets a tenant write any URL: the probe sends its own
// name, to its own port.
func FuzzAProbeSendsNoHostOfOthers(f *testing.F) {
	for _, url := range []string{
		"http:///", "https://w.evil.fn.example.org/x?y", "http://ledger.bank.fn.example.org/", "grpc://ledger.bank.fn.example.org:80/s",
		"tcp://:9100", "http://[::1]:80/", "http://w.evil.fn.example.org%00.bank/", "http://w.evil.fn.example.org:80@bank/", "none",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		evil := &federation.Template{Meta: federation.Meta{
			Common: &federation.Common{Kind: "Service", Namespace: "evil"}, Name: "w",
			Annotations: federation.Annotations{{Key: annotation.Probe, Value: url}},
		}, Service: &federation.Service{TCPPort: 80}}
		if len(annotation.Parse(evil)) > 0 {
			return // refused as a whole
		}
		s := world(Options{}, service("bank", "ledger"), cluster("a", "192.0.2.1"), evil, bound(evil.Ref(), "a"))
		for _, f := range s.All() {
			if f.Namespace != "evil" {
				continue
			}
			target := f.Placements[0].Target.Value()
			if host := target.Host; host != "" && host != "w.evil.fn.example.org" {
				t.Fatalf("%q sends %q", url, host)
			}
			if port := target.Addr.Port(); target.Kind != federation.ProbeNone && port != 80 && port != 443 {
				t.Fatalf("%q goes to port %d", url, port)
			}
			if (target.Kind == federation.ProbeHTTP || target.Kind == federation.ProbeHTTPS) && !strings.HasPrefix(target.Path, "/") {
				t.Fatalf("%q requests %q", url, target.Path)
			}
		}
	})
}
