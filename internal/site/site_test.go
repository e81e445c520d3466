package site

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nearcast/nearcast/internal/base/vector"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/claims"
	"github.com/nearcast/nearcast/internal/steering/health"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/internal/steering/steer"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// testLog keeps what a site says.
type testLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *testLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *testLog) Infof(format string, args ...any)    { l.add(format, args...) }
func (l *testLog) Warningf(format string, args ...any) { l.add(format, args...) }

func (l *testLog) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		n += strings.Count(line, text)
	}
	return n
}

func configOf(dir string) Config {
	return Config{
		Source: Source{Manifests: dir}, Zones: []string{"fn.example.org."}, Where: steer.Site{Cluster: "us-azure"},
		Claims: claims.List{{Namespace: "demo", Names: []string{"fn.example.org."}, Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Probe:  health.Config{Interval: 100 * time.Millisecond, Timeout: time.Second, Rise: 1, Fall: 1, InFlight: 8},
	}
}

func acquire(t *testing.T, config Config, log Logger) *Site {
	t.Helper()
	s, err := Acquire(config, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WaitFirst(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return s
}

func outcome(t *testing.T, s *Site) string {
	t.Helper()
	e, err := s.View().Explain("hello.demo.fn.example.org", netip.MustParseAddr("192.0.2.9"), s.prober.Verdict, nil)
	if err != nil {
		return err.Error()
	}
	return e.Outcome
}

func eventually(t *testing.T, want string, got func() string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); got() != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q after ten seconds, want %q", got(), want)
		}
	}
}

func TestAProbesVerdictIsPublished(t *testing.T) {
	here := fixture.Listen(t, "127.0.0.1:0")
	addr := here.Addr().String()
	f := fixture.Function{Name: "hello", Clusters: []string{"us-azure", "de-wide"}, Annotations: map[string]string{
		"nearcast.dev/address": "us-azure=" + addr + ",de-wide=127.0.0.2:1",
	}}
	s := acquire(t, configOf(fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(f)})), &testLog{})
	defer Release(s)
	eventually(t, "cluster us-azure", func() string { return outcome(t, s) })
	eventually(t, "1", func() string { return fmt.Sprint(s.View().Standing.Candidates[steer.Down]) })
	if !s.Settled() {
		t.Error("not settled after every target was probed")
	}
	here.Close()
	eventually(t, "all candidates are down: answering all of them, in order", func() string { return outcome(t, s) })
	defer fixture.Listen(t, addr).Close()
	eventually(t, "cluster us-azure", func() string { return outcome(t, s) })
}

func TestAViewThatAnswersAlikeIsNotPublished(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})})
	s := acquire(t, configOf(dir), &testLog{})
	defer Release(s)
	time.Sleep(500 * time.Millisecond) // start-up is over
	before := s.View()
	fixture.Write(t, filepath.Join(dir, "comment.yaml"), "# nothing\n")
	time.Sleep(500 * time.Millisecond)
	if s.View() != before {
		t.Error("published again")
	}
}

func TestOneConfigurationIsOneSite(t *testing.T) {
	log := &testLog{}
	dir := fixture.Dir(t, map[string]string{
		"all.yaml":  fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames}),
		"typo.yaml": fixture.Documents(fixture.Function{Name: "typo", Annotations: map[string]string{"nearcast.dev/ttl": "soon"}}),
	})
	config := configOf(dir)
	config.Admin = filepath.Join(dir, "a.sock")
	first, second := acquire(t, config, log), acquire(t, config, log)
	if first != second || inUse() != 1 {
		t.Fatal("one configuration has two sites")
	}
	changed := config
	changed.Where.Cluster = "de-wide"
	third := acquire(t, changed, log)
	if third == first || inUse() != 2 {
		t.Fatal("a changed configuration shares the site")
	}
	Release(first)
	Release(second)
	if inUse() != 1 || outcome(t, third) != "cluster de-wide" {
		t.Errorf("%d run, answer %s", inUse(), outcome(t, third))
	}
	if n := log.count("nearcast.dev/ttl"); n != 1 {
		t.Errorf("a fault was logged %d times, want once", n)
	}
	Release(third)
	if inUse() != 0 {
		t.Error("a site runs after its last Release")
	}
}

// named is a function with the hostnames.
func named(hostnames ...string) *federation.Function {
	return &federation.Function{Template: &federation.Template{Meta: federation.NewMeta(federation.Ref{}), Annotated: &federation.Annotated{}}, Hostnames: hostnames, Unusual: &federation.Unusual{}}
}

func TestNamesFollowRFC4592(t *testing.T) {
	n := newNames([]string{"fn."}, public).follow(functions{}, vectorOf(
		named("a.b.fn.", "*.w.fn.", "x.w.fn."), named("*.fn."), named("deep.x.w.fn."),
	))
	for name, want := range map[string]struct {
		function int
		e        Existence
	}{
		"a.b.fn.":      {0, Exact},
		"b.fn.":        {none, Ancestor},
		"fn.":          {none, Ancestor},
		"c.b.fn.":      {none, Absent}, // b.fn. is the closest encloser: *.fn. does not reach past it
		"c.fn.":        {1, Synthesised},
		"d.c.fn.":      {1, Synthesised},
		"y.w.fn.":      {0, Synthesised},
		"x.w.fn.":      {0, Exact},
		"z.x.w.fn.":    {none, Absent},
		"deep.x.w.fn.": {2, Exact},
		"w.fn.":        {none, Ancestor},
		"*.w.fn.":      {0, Exact},
		"other.":       {none, Absent},
		"":             {none, Absent},
		".":            {none, Absent},
	} {
		if function, e := n.Lookup([]byte(name), nil); function != want.function || e != want.e {
			t.Errorf("%q: %d, %d; want %d, %d", name, function, e, want.function, want.e)
		}
	}
}

// TestATenantsTreeIsTheUnion joins a public and a private tree: one name is a function in
// one, and an ancestor in the other.
func TestATenantsTreeIsTheUnion(t *testing.T) {
	of := vectorOf(named("x.a.fn.", "b.fn.", "*.w.fn."), named("a.fn.", "x.b.fn.", "*.v.fn.", "y.w.fn."))
	of.At(1).Private = true
	zones := []string{"fn."}
	all := newNames(zones, public).follow(functions{}, of)
	own := newNames(zones, func(f *federation.Function) bool { return f.Private }).follow(functions{}, of)
	for name, want := range map[string][2]struct {
		function int
		e        Existence
	}{
		"a.fn.":     {{none, Ancestor}, {1, Exact}},
		"x.a.fn.":   {{0, Exact}, {0, Exact}},
		"b.fn.":     {{0, Exact}, {0, Exact}},
		"x.b.fn.":   {{none, Absent}, {1, Exact}},
		"z.b.fn.":   {{none, Absent}, {none, Absent}},
		"z.v.fn.":   {{none, Absent}, {1, Synthesised}},
		"v.fn.":     {{none, Absent}, {none, Ancestor}},
		"y.w.fn.":   {{0, Synthesised}, {1, Exact}},
		"z.w.fn.":   {{0, Synthesised}, {0, Synthesised}},
		"z.y.w.fn.": {{0, Synthesised}, {none, Absent}},
	} {
		for i, tree := range []*Names{nil, own} {
			if function, e := all.Lookup([]byte(name), tree); function != want[i].function || e != want[i].e {
				t.Errorf("%s, tenant %v: function %d, existence %d", name, tree != nil, function, e)
			}
		}
	}
}

func TestTheSubnetGivesTheLocationAndTheSourceGivesTheHorizon(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(), "l.csv": "10.2.0.0/16,us\n192.0.2.0/24,de\nresolver 192.0.2.53,mk\n"})
	config := configOf(dir)
	config.Locations = locate.Files{Locations: filepath.Join(dir, "l.csv")}
	config.Horizons = []Horizon{{Name: "vpn", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}}
	v, err := Once(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ source, subnet, location, horizon string }{
		{"192.0.2.1", "", "de", ""},
		{"::ffff:192.0.2.1", "", "de", ""},
		{"192.0.2.1", "10.2.0.0/24", "us", ""},
		{"192.0.2.53", "", "mk", ""}, // a resolver, on behalf of its clients
		{"192.0.2.53", "192.0.2.53/32", "de", ""},
		{"192.0.2.53", "10.3.0.0/24", "mk", ""},
		{"2002:c000:201::1", "", "de", ""},
		{"2002:c000:235::1", "", "mk", ""},
		{"192.0.2.1", "10.3.0.0/24", "de", ""}, // private and not covered: only the source is known
		{"192.0.2.1", "100.64.1.0/24", "de", ""},
		{"192.0.2.1", "203.0.113.0/24", "", ""},
		{"192.0.2.1", "0.0.0.0/0", "de", ""}, // by the sender
		{"192.0.2.53", "0.0.0.0/0", "mk", ""},
		{"192.0.2.1", "::/0", "de", ""},
		{"203.0.113.1", "0.0.0.0/0", "", ""},
		{"10.9.0.1", "192.0.2.0/24", "de", "vpn"},
		{"192.0.2.1", "10.9.0.0/24", "de", ""},
	} {
		var subnet netip.Prefix
		if c.subnet != "" {
			subnet = netip.MustParsePrefix(c.subnet)
		}
		client := v.Locate(netip.MustParseAddr(c.source), subnet)
		if l, h := v.Locations.Location(client.Location).String(), v.HorizonName(client.Horizon); l != c.location || h != c.horizon {
			t.Errorf("%s for %s: %q in %q, want %q in %q", c.source, c.subnet, l, h, c.location, c.horizon)
		}
	}
}

func TestMetricsCoverOnlyRunningSites(t *testing.T) {
	dir := fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(fixture.Function{Name: "hello", Annotations: fixture.Unprobed(), Clusters: fixture.ThreeNames})})
	s := acquire(t, configOf(dir), &testLog{})
	text := gathered(t)
	for _, want := range []string{"coredns_nearcast_clusters", "coredns_nearcast_functions", "coredns_nearcast_candidates", "coredns_nearcast_state_age_seconds", "coredns_nearcast_refused_inputs", "coredns_nearcast_publish_duration_seconds", dir} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	Release(s)
	if strings.Contains(gathered(t), "coredns_nearcast_clusters") {
		t.Error("a stopped site is reported")
	}
}

func gathered(t *testing.T) string {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// vectorOf returns the functions in a Vector.
func vectorOf(all ...*federation.Function) vector.Vector[*federation.Function] {
	e := vector.Vector[*federation.Function]{}.Edit()
	for i, f := range all {
		e.Set(i, f)
	}
	return e.Vector()
}

// inUse returns the number of Sites that are not yet released.
func inUse() int {
	pool.Lock()
	defer pool.Unlock()
	return len(pool.uses)
}
