package nearcast

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// ask calls the handler as the server would.
func ask(ctx context.Context, t *testing.T, n *Nearcast, m *dns.Msg) *dns.Msg {
	t.Helper()
	w := dnstest.NewRecorder(&sink{from: net.UDPAddr{IP: net.IPv4(10, 0, 2, 9), Port: 4242}})
	if rcode, err := n.ServeDNS(ctx, w, m); rcode != dns.RcodeSuccess || err != nil {
		t.Fatal(rcode, err)
	}
	return w.Msg
}

func TestEveryOutcomeIsCountedAndDescribed(t *testing.T) {
	n := handler(t, 3, 2, 4)
	for _, c := range []struct {
		name                       string
		qtype                      uint16
		outcome                    outcome
		described, cluster, places string
	}{
		{"f0.demo.fn.example.org.", dns.TypeA, outcomeAnswered, "answered", "c002", "r2/z2"},
		{"f0.demo.fn.example.org.", dns.TypeAAAA, outcomeNoData, "nodata", "c002", "r2/z2"},
		{"nope.fn.example.org.", dns.TypeA, outcomeAbsent, "nxdomain", "", "r2/z2"},
		{"fn.example.org.", dns.TypeSOA, outcomeApex, "apex", "", "r2/z2"},
	} {
		before := testutil.ToFloat64(n.Zones[0].counters[c.outcome])
		ctx := metadata.ContextWithMetadata(context.Background())
		ask(ctx, t, n, query(c.name, c.qtype, ""))
		if got := testutil.ToFloat64(n.Zones[0].counters[c.outcome]) - before; got != 1 {
			t.Errorf("%s: counted %v times as %s", c.name, got, c.outcome)
		}
		for label, want := range map[string]string{"nearcast/outcome": c.described, "nearcast/cluster": c.cluster, "nearcast/location": c.places} {
			value := metadata.ValueFunc(ctx, label)
			if value == nil || value() != want {
				t.Errorf("%s: %s is not %q", c.name, label, want)
			}
		}
	}
}

func TestAStaleStateIsReportedInTheAnswer(t *testing.T) {
	n := handler(t, 3, 2, 4)
	n.settings.stale = 1
	reply := ask(context.Background(), t, n, new(dns.Msg).SetQuestion("f0.demo.fn.example.org.", dns.TypeA).SetEdns0(1232, false))
	if got := extendedError(reply); got != dns.ExtendedErrorCodeStaleAnswer {
		t.Errorf("EDE %d, want 3", got)
	}
}

func TestReadinessWaitsForEverySource(t *testing.T) {
	if (&instance{sources: []*sourceOfBlocks{{}}}).Ready() {
		t.Error("ready before its source was acquired")
	}
	s := serve(t, atMkCore, federated(t, hello))
	i := storedInstance(t, s.Instance)
	if !i.Ready() {
		t.Error("not ready with a state and nothing to probe")
	}
}
