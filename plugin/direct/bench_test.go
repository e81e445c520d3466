package direct

import (
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// BenchmarkInPlace sends one query with a client subnet through the whole chain of a
// server, without the kernel.
func BenchmarkInPlace(b *testing.B) {
	for _, c := range []struct{ name, plugins string }{{"alone", ""}, {"prometheus", "prometheus LOOPBACK:0\nerrors\n"}} {
		b.Run(c.name, func(b *testing.B) {
			r, a := idle(b, c.plugins)
			b.ReportAllocs()
			for b.Loop() {
				if !r.inPlace(a, 0) || r.batch.answered != 1 {
					b.Fatal("not answered in place")
				}
				r.batch.answered = 0
			}
		})
	}
}

// TestAnAnswerInPlaceKeepsItsAllocationBudget bounds what one query allocates in total.
func TestAnAnswerInPlaceKeepsItsAllocationBudget(t *testing.T) {
	r, a := idle(t, "")
	n := testing.AllocsPerRun(1000, func() {
		r.inPlace(a, 0)
		r.batch.answered = 0
	})
	const budget = 11
	if n > budget {
		t.Errorf("%v allocations, the budget is %v", n, budget)
	}
}

// idle returns a reader that reads nothing, with a query in its batch, and what it would
// serve.
func idle(t testing.TB, plugins string, more ...fixture.Function) (*reader, *active) {
	t.Helper()
	port := freePort(t)
	corefile := "fn.example.org:PORT {\nbind LOOPBACK\ndirect\n" + plugins + "nearcast {\ncluster mk-core\nmanifests DIR/federation\nlocations DIR/locations.csv\n}\n}\n"
	serve(t, fill(corefile, "PORT", port, "DIR", federated(t, append([]fixture.Function{hello}, more...)...)))
	ask(t, at(port), "hello.demo.fn.example.org.", dns.TypeA) // wait until it serves
	listeners.mu.Lock()
	defer listeners.mu.Unlock()
	for _, l := range listeners.all {
		r := &reader{listener: l, socket: l.readers[0].socket, batch: newBatch()}
		m := new(dns.Msg).SetQuestion("hello.demo.fn.example.org.", dns.TypeA)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, subnet("10.2.0.0/24"))
		data, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		r.batch.in[0].length = uint32(copy(r.batch.queries[0][:], data))
		r.batch.from[0].Family = unix.AF_INET
		return r, l.active.Load()
	}
	t.Fatal("no listener is open")
	return nil, nil
}
