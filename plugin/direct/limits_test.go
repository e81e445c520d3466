package direct

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	_ "github.com/nearcast/nearcast/plugin/rrl"
)

// limitsOf are servers with and without what keeps them from being used against others,
// and what they are asked.
var limitsOf = []struct {
	name, plugins, settings string
	options                 []dns.EDNS0
}{
	{"without", "", "cookies off", []dns.EDNS0{subnet("10.2.0.0/24")}},
	{"cookies", "", "", []dns.EDNS0{subnet("10.2.0.0/24")}},
	{"limits", "rrl {\nresponses-per-second 10000\n}", "cookies off", []dns.EDNS0{subnet("10.2.0.0/24")}},
	{"both", "rrl {\nresponses-per-second 10000\n}", "", []dns.EDNS0{subnet("10.2.0.0/24")}},
	{"both, asked with a cookie", "rrl {\nresponses-per-second 10000\n}", "", []dns.EDNS0{subnet("10.2.0.0/24"), aCookie()}},
}

// resting returns a reader that reads nothing, of a server with the plugins and settings,
// and a query in its batch, from an address that changes with each call of next.
func resting(t testing.TB, plugins, settings string, options ...dns.EDNS0) (r *reader, a *active, next func()) {
	t.Helper()
	port := freePort(t)
	corefile := "fn.example.org:PORT {\nbind LOOPBACK\ndirect\n" + plugins + "\nnearcast {\ncluster mk-core\nmanifests DIR/federation\nlocations DIR/locations.csv\n" + settings + "\n}\n}\n"
	serve(t, fill(corefile, "PORT", port, "DIR", federated(t, hello)))
	ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA)
	listeners.mu.Lock()
	l := listeners.all[netip.MustParseAddrPort(at(port))]
	listeners.mu.Unlock()
	r = &reader{listener: l, socket: l.readers[0].socket, batch: newBatch()}
	query := packed(t, options...)
	r.batch.in[0].length = uint32(copy(r.batch.queries[0][:], query))
	r.batch.from[0].Family = unix.AF_INET6
	n := uint32(0)
	return r, l.active.Load(), func() {
		n += 0x9E3779B9
		addr := &r.batch.from[0].Addr
		addr[0], addr[1], addr[2], addr[3], addr[4], addr[5] = 0x20, 0x01, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		r.batch.answered = 0
	}
}

// BenchmarkLimits is one query through the whole chain of a server, from a network that
// is another each time, with and without what bounds how it can be used against others.
func BenchmarkLimits(b *testing.B) {
	for _, c := range limitsOf {
		b.Run(c.name, func(b *testing.B) {
			r, a, next := resting(b, c.plugins, c.settings, c.options...)
			b.ReportAllocs()
			for b.Loop() {
				if next(); !r.inPlace(a, 0) || r.batch.answered != 1 {
					b.Fatal("not answered in place")
				}
			}
		})
	}
}

// TestLimitsCostLittle compares the least times of many short runs, each beside the others.
func TestLimitsCostLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("compares times")
	}
	var runs []func()
	for _, c := range limitsOf {
		r, a, next := resting(t, c.plugins, c.settings, c.options...)
		runs = append(runs, func() {
			for range 2000 {
				next()
				r.inPlace(a, 0)
			}
		})
	}
	least := make([]float64, len(runs))
	for i := range least {
		least[i] = math.MaxFloat64
	}
	for range 60 {
		for i, run := range runs {
			begin := time.Now()
			run()
			least[i] = min(least[i], time.Since(begin).Seconds())
		}
	}
	for i, c := range limitsOf {
		t.Logf("%s: %.0f ns, %.3f of what it is without", c.name, least[i]/2000*1e9, least[i]/least[0])
	}
}
