package hostile

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
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
	// dropped is how much of what was sent found the server's socket full, of 1.
	dropped float64
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
				besiege(t, g, servers[family], assaults[family], func(a assault, r *seen) { a.print(&table, family, r) })
				return nil
			})
			t.Logf("answers for each query of the flood; loss and milliseconds of honest clients before, during and after:\n%s%s", head, table.String())
		})
	}
}

// besiege starts the servers, has the assaults on each of them, and gives what came of it to
// show. The first is whom the others are compared with.
func besiege(t *testing.T, g *ground, servers []besieged, assaults []assault, show func(assault, *seen)) {
	t.Helper()
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.start(t, g))
	}
	area := 20
	for _, a := range assaults {
		on := func(i int) *seen {
			r := a.on(t, g, area, servers[i], addrs[i])
			show(a, r)
			return r
		}
		theirs := on(0)
		for i, s := range servers[1:] {
			// What else the machine does delays answers too, and does not do so each time.
			err := a.judge(on(i+1), theirs)
			for try := 0; err != nil && try < 4; try++ {
				t.Logf("%s, %s from %d networks: %v; retrying", s.name, a.kind, a.networks, err)
				area++
				theirs = on(0)
				err = a.judge(on(i+1), theirs)
			}
			if err != nil {
				t.Errorf("%s, %s from %d networks: %v", s.name, a.kind, a.networks, err)
			}
		}
		area++
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
	defer elsewhere.close()
	defer beside.close()
	b := newBarrage(t, g, addr, area, a.networks, a.rate, a.lasts, floods[a.kind])
	defer b.close()
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
	before := kernelDrops(t, addr)
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		r.came = b.run(a.lasts)
	}()
	both(1, a.lasts)
	<-flooded
	r.dropped = float64(kernelDrops(t, addr)-before) / float64(r.came.sent)
	both(2, a.lasts/3)
	return r
}

// judge holds that a server with limits answers a flood little and honest clients as Knot
// does, and that one without limits answers the flood. Datagrams that found a full socket were nobody's
// decision.
func (a assault) judge(r, theirs *seen) (err error) {
	const fewPerCent = 0.05
	whole := float64(r.came.whole.Load())
	// An account is credited for a second before the flood, and until its last answer.
	most := float64(a.networks*perSecond) * (r.came.took.Seconds() + 1.2)
	if !r.limited {
		if read := float64(r.came.sent) * (1 - r.dropped); whole < read/2 {
			return fmt.Errorf("without limits: got %.0f answers for %.0f queries read: the flood does not reach the server", whole, read)
		}
		return nil
	}
	for phase, when := range []string{"before", "during", "after"} {
		for who, losses := range map[string][2]float64{
			"elsewhere": {r.elsewhere[phase].loss, theirs.elsewhere[phase].loss},
			"beside":    {r.beside[phase].loss, theirs.beside[phase].loss},
		} {
			if losses[0] > losses[1]+r.dropped+fewPerCent {
				err = errors.Join(err, fmt.Errorf("honest clients %s lose %.3f %s, %.3f with Knot; %.3f found the socket full", who, losses[0], when, losses[1], r.dropped))
			}
		}
	}
	if whole == 0 || whole > most {
		err = errors.Join(err, fmt.Errorf("got %.0f answers in %s, want at most %.0f", whole, r.came.took, most))
	}
	return err
}

const head = `| server | limits | flood | networks | family | q/s | found the socket full | whole | truncated | honest client | loss | p50 | p99 | loss | p50 | p99 | loss | p50 | p99 |
|---|---|---|--:|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`

// print adds a row for each kind of honest clients.
func (a assault) print(table *strings.Builder, family string, r *seen) {
	limits := "none"
	if r.limited {
		limits = "RRL, cookies"
	}
	sent := float64(r.came.sent)
	for _, of := range []struct {
		who string
		saw [3]sample
	}{{"elsewhere", r.elsewhere}, {"beside, with a cookie", r.beside}} {
		fmt.Fprintf(table, "| %s | %s | %s | %d | %s | %.0f | %.1f %% | %.3f | %.3f | %s | %s | %s | %s |\n",
			r.name, limits, a.kind, a.networks, family, sent/r.came.took.Seconds(), 100*r.dropped,
			float64(r.came.whole.Load())/sent, float64(r.came.truncated.Load())/sent, of.who, of.saw[0], of.saw[1], of.saw[2])
	}
}
