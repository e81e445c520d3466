package perclient

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/internal/client"
)

// subnetOf returns a client's option.
func subnetOf(scope uint8) *dns.EDNS0_SUBNET {
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, SourceScope: scope, Address: net.IPv4(10, 2, 0, 0)}
}

// asking returns a query; with a client-subnet option, if there is a subnet.
func asking(subnet ...*dns.EDNS0_SUBNET) *dns.Msg {
	m := new(dns.Msg).SetQuestion("name.test.", dns.TypeA)
	m.SetEdns0(1232, false)
	for _, s := range subnet {
		m.IsEdns0().Option = append(m.IsEdns0().Option, s)
	}
	return m
}

func serveFirst(t *testing.T, r *dns.Msg, next plugin.HandlerFunc) *dns.Msg {
	t.Helper()
	w := &written{addr: "192.0.2.1"}
	if _, err := inFront(next).ServeDNS(t.Context(), w, r); err != nil || len(w.replies) != 1 {
		t.Fatalf("%d replies, %v", len(w.replies), err)
	}
	return w.replies[0]
}

// TestAReplyHasTheLongestScopeOfItsParts covers the forms that a reply comes in.
func TestAReplyHasTheLongestScopeOfItsParts(t *testing.T) {
	for label, c := range map[string]struct {
		noted []uint8
		make  func(*dns.Msg)
		want  int // -1 for no option
	}{
		"no answer depends on the client": {nil, func(*dns.Msg) {}, -1},
		"the same for all":                {[]uint8{0}, func(*dns.Msg) {}, 0},
		"no OPT":                          {[]uint8{16}, func(*dns.Msg) {}, 16},
		"several":                         {[]uint8{8, 24, 0}, func(*dns.Msg) {}, 24},
		"IPv6's longest":                  {[]uint8{128}, func(*dns.Msg) {}, 128},
		"an OPT":                          {[]uint8{16}, func(m *dns.Msg) { m.SetEdns0(512, true) }, 16},
		"a shorter one":                   {[]uint8{16}, func(m *dns.Msg) { m.SetEdns0(512, true).IsEdns0().Option = []dns.EDNS0{subnetOf(8)} }, 16},
		"a longer one":                    {[]uint8{16}, func(m *dns.Msg) { m.SetEdns0(512, true).IsEdns0().Option = []dns.EDNS0{subnetOf(24)} }, 24},
		"only an upstream's":              {nil, func(m *dns.Msg) { m.SetEdns0(512, true).IsEdns0().Option = []dns.EDNS0{subnetOf(24)} }, 24},
		"a signature (TSIG)":              {[]uint8{16}, func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 1) }, 16},
		"other options": {[]uint8{16}, func(m *dns.Msg) {
			m.SetEdns0(512, true).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
		}, 16},
		"additional addresses": {[]uint8{16}, func(m *dns.Msg) { m.Extra = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeA}}} }, 16},
	} {
		reply := serveFirst(t, asking(subnetOf(0)), func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			for _, scope := range c.noted {
				Echo(ctx, scope)
			}
			m := new(dns.Msg).SetReply(r)
			c.make(m)
			return dns.RcodeSuccess, w.WriteMsg(m)
		})
		got := -1
		if subnet := client.Subnet(reply); subnet != nil {
			got = int(subnet.SourceScope)
			if subnet.SourceNetmask != 24 || !subnet.Address.Equal(net.IPv4(10, 2, 0, 0)) {
				t.Errorf("%s: got %v, which was not requested", label, subnet)
			}
		}
		if got != c.want {
			t.Errorf("%s: scope %d, want %d", label, got, c.want)
		}
		if label == "a signature (TSIG)" && reply.IsTsig() == nil {
			t.Errorf("%s: it is not the last record: %v", label, reply.Extra)
		}
		options := 0
		for _, rr := range reply.Extra {
			if rr.Header().Rrtype == dns.TypeOPT {
				options++
			}
		}
		if options > 1 {
			t.Errorf("%s: %d OPTs", label, options)
		}
	}
}

// TestTheClientsSubnetIsEchoedWhateverItWasRewrittenTo covers what rewrite does to a
// query's option: the reply must have the client's (RFC 7871, section 7.2.1).
func TestTheClientsSubnetIsEchoedWhateverItWasRewrittenTo(t *testing.T) {
	for label, rewrite := range map[string]func(*dns.OPT){
		"set": func(o *dns.OPT) {
			*o.Option[0].(*dns.EDNS0_SUBNET) = dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: net.IPv4(192, 0, 2, 1)}
		},
		"longer": func(o *dns.OPT) { o.Option[0].(*dns.EDNS0_SUBNET).SourceNetmask = 25 },
		"IPv6": func(o *dns.OPT) {
			o.Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 2, SourceNetmask: 56, Address: net.ParseIP("2001:db8::")}}
		},
	} {
		reply := serveFirst(t, asking(subnetOf(0)), func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			rewrite(r.IsEdns0())
			Echo(ctx, 20)
			m := new(dns.Msg).SetReply(r).SetEdns0(1232, false)
			answered := *client.Subnet(r)
			answered.SourceScope = 20
			m.IsEdns0().Option = []dns.EDNS0{&answered}
			return dns.RcodeSuccess, w.WriteMsg(m)
		})
		if got, want := client.Subnet(reply), subnetOf(0); got == nil || got.String() != want.String() || got.Family != want.Family {
			t.Errorf("%s: %v, want %v", label, got, want)
		}
	}
	reply := serveFirst(t, asking(subnetOf(0)), func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		r.IsEdns0().Option = nil
		return dns.RcodeSuccess, w.WriteMsg(new(dns.Msg).SetReply(r).SetEdns0(1232, false))
	})
	if client.Subnet(reply) != nil {
		t.Error("the reply has the option of a removed subnet")
	}
}

// TestAQueryWithoutASubnetGetsNone also checks that it costs nothing here.
func TestAQueryWithoutASubnetGetsNone(t *testing.T) {
	reply := serveFirst(t, asking(), func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		Echo(ctx, 16)
		return dns.RcodeSuccess, w.WriteMsg(new(dns.Msg).SetReply(r))
	})
	if client.Subnet(reply) != nil {
		t.Error("the reply has an option that was not requested")
	}
	next := inFront(plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return dns.RcodeSuccess, nil }))
	r, w, ctx := asking(), &written{}, context.Background()
	if n := testing.AllocsPerRun(100, func() { _, _ = next.ServeDNS(ctx, w, r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	nobody := &chosen{next.(*first).next, plugin.Zones{"fn.example.org.", "name.test."}}
	if n := testing.AllocsPerRun(100, func() { _, _ = nobody.ServeDNS(ctx, w, r) }); n > 0 {
		t.Errorf("%v allocations if blocks are only for some clients", n)
	}
	r = asking(subnetOf(0))
	if n := testing.AllocsPerRun(100, func() { _, _ = next.ServeDNS(ctx, w, r) }); n > 1 {
		t.Errorf("%v allocations with a subnet", n)
	}
}

// TestTheScopeOfAnotherServersAnswerReachesTheClient has a plugin query inside the server
// what a block forwards.
func TestTheScopeOfAnotherServersAnswerReachesTheClient(t *testing.T) {
	inner := inFront(plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r).SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{subnetOf(20)}
		return dns.RcodeSuccess, w.WriteMsg(m)
	}))
	d := &dependence{}
	reply := serveFirst(t, asking(subnetOf(0)), func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		if _, err := inner.ServeDNS(context.WithValue(ctx, dependenceKey{}, d), &written{}, r.Copy()); err != nil {
			t.Error(err)
		}
		return dns.RcodeSuccess, w.WriteMsg(new(dns.Msg).SetReply(r))
	})
	if subnet := client.Subnet(reply); subnet == nil || subnet.SourceScope != 20 || !d.noted.Load() {
		t.Errorf("%v, and depends on the client: %v", subnet, d.noted.Load())
	}
}

// TestConcurrentScopesKeepTheLongest covers a refresh that runs beside the query.
func TestConcurrentScopesKeepTheLongest(t *testing.T) {
	e := &echo{Context: context.Background()}
	var wg sync.WaitGroup
	for scope := range 129 {
		wg.Go(func() { Echo(e, uint8(scope)) })
	}
	wg.Wait()
	if got := e.scope.Load() - 1; got != 128 {
		t.Errorf("%d", got)
	}
}
