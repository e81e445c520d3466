package hostile

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/fixture"
)

// perSecond is the limit of all servers here: the default of ours.
const perSecond = 50

// besieged is a server that floods are sent to.
type besieged struct {
	name    string
	limited bool
	start   func(t *testing.T, g *ground) (addr string)
}

// ours is Nearcast with lines before nearcast, and settings of it.
func ours(lines, settings string) func(*testing.T, *ground) string {
	return func(t *testing.T, g *ground) string {
		w := newWorldAt(t, g)
		w.amplify(t, lines, settings)
		return w.addr
	}
}

// knot is Knot DNS with modules.
func knot(modules, sections string) func(*testing.T, *ground) string {
	return func(t *testing.T, g *ground) string {
		host := g.server()
		return knotdAt(t, net.JoinHostPort(host, fmt.Sprint(fixture.FreePort(t, host))), modules, sections)
	}
}

var (
	knotLimited = besieged{"Knot DNS", true, knot("mod-cookies, mod-rrl/default", fmt.Sprintf("mod-rrl:\n  - id: default\n    rate-limit: %d\n    slip: 2\n", perSecond))}
	limitedHere = besieged{"nearcast with direct", true, ours("rrl\n    direct", "")}
	openHere    = besieged{"nearcast with direct", false, ours("direct", "cookies off")}

	allBesieged = []besieged{
		knotLimited, limitedHere, {"nearcast", true, ours("rrl", "")},
		{"Knot DNS", false, knot("", "")}, openHere, {"nearcast", false, ours("", "cookies off")},
	}
)

// assault is how floods are sent.
type assault struct {
	kind     string // of floods
	networks int
	rate     int
	lasts    time.Duration
}

// seen is what an assault did to one server.
type seen struct {
	besieged
	came *came
	// Both are asked before, during and after. Those elsewhere are each in a network of
	// their own, and have no cookie; those beside are in a network that the flood is from,
	// and have one.
	elsewhere, beside [3]sample
}

// TestAFloodDoesNotReachHonestClients floods servers with and without limits, ours and
// Knot's, while honest clients ask for the name that is flooded with.
func TestAFloodDoesNotReachHonestClients(t *testing.T) {
	assaults := map[string][]assault{
		"IPv4": {{"one query", 1, 20000, time.Second / 2}},
		"IPv6": {{"names that do not exist", 16, 20000, time.Second / 2}},
	}
	servers := map[string][]besieged{"IPv4": {knotLimited, limitedHere, openHere}, "IPv6": {knotLimited, limitedHere}}
	if !testing.Short() {
		var all []assault
		for _, kind := range []string{"names that do not exist", "client subnets", "one query"} {
			for _, networks := range []int{1, 64} {
				all = append(all, assault{kind, networks, 20000, 3 * time.Second})
			}
		}
		for family := range grounds {
			assaults[family], servers[family] = all, allBesieged
		}
	}
	for family, newGround := range grounds {
		t.Run(family, func(t *testing.T) {
			g := newGround(t)
			var table strings.Builder
			g.do(t, func() error {
				besiege(t, g, servers[family], assaults[family], func(a assault, results []*seen) { a.print(&table, family, results) })
				return nil
			})
			t.Logf("in milliseconds, before, during and after:\n%s%s", head, table.String())
		})
	}
}

// besiege starts the servers, has the assaults on each of them, and gives what came of it to show.
func besiege(t *testing.T, g *ground, servers []besieged, assaults []assault, show func(assault, []*seen)) {
	t.Helper()
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.start(t, g))
	}
	area := 20
	for _, a := range assaults {
		// What else the machine does takes packets too, and does not do so each time.
		var err error
		for range 3 {
			var results []*seen
			for i, s := range servers {
				results = append(results, a.on(t, g, area, s, addrs[i]))
			}
			area++
			show(a, results)
			if err = a.judge(results); err == nil {
				break
			}
			t.Logf("%v", err)
		}
		if err != nil {
			t.Error("three times")
		}
	}
}

// on floods the server, with honest clients beside.
func (a assault) on(t *testing.T, g *ground, area int, s besieged, addr string) *seen {
	t.Helper()
	const clients = 5
	var elsewhere, beside crowd
	for i := range clients {
		elsewhere = append(elsewhere, newHonest(t, g.client(area, 200+i, 1), addr, ""))
		from, cookie := g.client(area, 0, 200+i), clientCookie
		if s.limited {
			_, cookie = cookied(t, addr, from, cookie)
		}
		beside = append(beside, newHonest(t, from, addr, cookie))
	}
	b := newBarrage(t, g, addr, area, a.networks, a.rate, a.lasts, floods[a.kind])
	r := &seen{besieged: s}
	both := func(phase int, lasts time.Duration) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.elsewhere[phase] = elsewhere.ask(lasts)
		}()
		r.beside[phase] = beside.ask(lasts)
		<-done
	}
	both(0, a.lasts/3)
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		r.came = b.run(a.lasts)
	}()
	both(1, a.lasts)
	<-flooded
	both(2, a.lasts/3)
	return r
}

// judge compares what limits do here with what they do at Knot's, and with none.
func (a assault) judge(results []*seen) (err error) {
	const fewPerCent = 0.05
	of := func(limited bool, name string) *seen {
		for _, r := range results {
			if r.limited == limited && r.name == name {
				return r
			}
		}
		return nil
	}
	theirs := of(true, knotLimited.name)
	for _, r := range results {
		if !r.limited || r == theirs {
			continue
		}
		for phase, when := range []string{"before", "during", "after"} {
			for who, losses := range map[string][2]float64{
				"elsewhere": {r.elsewhere[phase].loss, theirs.elsewhere[phase].loss},
				"beside":    {r.beside[phase].loss, theirs.beside[phase].loss},
			} {
				if losses[0] > losses[1]+fewPerCent {
					err = errors.Join(err, fmt.Errorf("%s, %s from %d networks: honest clients %s lose %.3f %s, and %.3f at Knot's", r.name, a.kind, a.networks, who, losses[0], when, losses[1]))
				}
			}
		}
		// An account is credited for a second before the flood, and until its last answer.
		whole, most := r.came.whole.Load(), int64(float64(a.networks*perSecond)*(r.came.took.Seconds()+1.2))
		if whole == 0 || whole > most {
			err = errors.Join(err, fmt.Errorf("%s, %s from %d networks: %d answers came in %s, of %d at most", r.name, a.kind, a.networks, whole, r.came.took, most))
		}
		if open := of(false, r.name); open != nil && open.came.whole.Load() <= whole {
			err = errors.Join(err, fmt.Errorf("%s, %s from %d networks: %d answers came, and %d without limits: the flood does not reach the server", r.name, a.kind, a.networks, whole, open.came.whole.Load()))
		}
	}
	return err
}

const head = `| server | limits | flood | networks | family | q/s | whole per query | truncated per query | honest client | loss | p50 | p99 | loss | p50 | p99 | loss | p50 | p99 |
|---|---|---|--:|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`

// print adds the rows of the results.
func (a assault) print(table *strings.Builder, family string, results []*seen) {
	for _, r := range results {
		limits := "none"
		if r.limited {
			limits = "RRL, cookies"
		}
		for who, s := range [][3]sample{r.elsewhere, r.beside} {
			fmt.Fprintf(table, "| %s | %s | %s | %d | %s | %.0f | %.3f | %.3f | %s | %s | %s | %s |\n", r.name, limits, a.kind, a.networks, family,
				float64(r.came.sent)/r.came.took.Seconds(), float64(r.came.whole.Load())/float64(r.came.sent), float64(r.came.truncated.Load())/float64(r.came.sent),
				[]string{"elsewhere", "beside, with a cookie"}[who], s[0], s[1], s[2])
		}
	}
}
