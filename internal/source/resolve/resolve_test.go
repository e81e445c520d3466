package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func endpoint(addrs ...string) federation.Endpoint {
	var e federation.Endpoint
	for _, a := range addrs {
		e = e.Add(netip.MustParseAddr(a))
	}
	return e
}

// lookups are those of one namespace.
func lookups(namespace string, names ...string) (all []federation.Lookup) {
	for _, name := range names {
		all = append(all, federation.Lookup{Name: name, Namespaces: []string{namespace}})
	}
	return all
}

// TestNamesAreFollowedAndNeverLost changes, rotates and breaks the records of a name.
func TestNamesAreFollowedAndNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		answer, failure, asked := endpoint("192.0.2.1", "192.0.2.2"), error(nil), 0
		set := func(e federation.Endpoint, err error) { mu.Lock(); answer, failure = e, err; mu.Unlock() }
		failures := 0
		r := New(func(context.Context, string) (federation.Endpoint, time.Duration, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return answer, time.Minute, failure
		}, func(error) { failures++ })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		if _, ok := r.Get("lb."); ok {
			t.Error("known before it was declared")
		}
		r.Set(lookups("ns", "lb."))
		<-r.Changed()
		expect := func(first string, changed bool, calls int) {
			t.Helper()
			got, _ := r.Get("lb.")
			if got.First().String() != first || asked != calls {
				t.Errorf("%s after %d calls, want %s after %d", got.First(), asked, first, calls)
			}
			select {
			case <-r.Changed():
				if !changed {
					t.Error("a change was announced")
				}
			default:
				if changed {
					t.Error("no change was announced")
				}
			}
		}
		expect("192.0.2.1", false, 1)
		set(endpoint("192.0.2.2", "192.0.2.1"), nil) // rotated
		time.Sleep(time.Minute + time.Second)
		expect("192.0.2.1", false, 2)
		set(endpoint("192.0.2.9"), nil)
		time.Sleep(time.Minute)
		expect("192.0.2.9", true, 3)
		set(endpoint("192.0.2.9", "2001:db8::9"), nil)
		time.Sleep(time.Minute)
		expect("192.0.2.9", true, 4)
		set(endpoint("192.0.2.9"), errors.New("SERVFAIL of the other family"))
		time.Sleep(time.Minute)
		if got, _ := r.Get("lb."); len(got.V6) != 1 {
			t.Errorf("%v, want the IPv6 address kept", got)
		}
		set(federation.Endpoint{}, errors.New("SERVFAIL"))
		time.Sleep(time.Minute + 5*retry)
		if got, ok := r.Get("lb."); !ok || got.First().String() != "192.0.2.9" || failures < 5 {
			t.Errorf("%v after %d failures, want the last address kept", got, failures)
		}
		r.Set(nil)
		if _, ok := r.Get("lb."); ok {
			t.Error("kept after it was no longer declared")
		}
		cancel()
		<-done
	})
}

// TestSystemQueriesTheServersOfItsFile has a first server that does not exist, and a
// second whose answer is a chain and too long for UDP.
func TestSystemQueriesTheServersOfItsFile(t *testing.T) {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		reply := new(dns.Msg).SetReply(r)
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && r.Question[0].Qtype == dns.TypeA {
			reply.Truncated = true
		} else if r.Question[0].Qtype == dns.TypeA {
			for _, text := range []string{"lb.example. 60 IN CNAME x.example.", "x.example. 7 IN A 192.0.2.7", "x.example. 9 IN A 192.0.2.8"} {
				rr, err := dns.NewRR(text)
				if err != nil {
					t.Error(err)
				}
				reply.Answer = append(reply.Answer, rr)
			}
		} else {
			reply.Rcode = dns.RcodeServerFailure
		}
		_ = w.WriteMsg(reply)
	})
	packets, listener := fixture.BothProtocols(t)
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
		go func() { _ = server.ActivateAndServe() }() // ends with its socket
	}
	defer packets.Close()
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, port, _ := net.SplitHostPort(packets.LocalAddr().String())
	found, ttl, err := askBoth(ctx, "lb.example.", net.JoinHostPort("127.0.0.1", port))
	// The server answers no AAAA: its other records still count.
	if err == nil || !strings.Contains(err.Error(), "SERVFAIL") || ttl != 7*time.Second || len(found.V4) != 2 || found.First().String() != "192.0.2.7" {
		t.Errorf("%v, %s, %v", found, ttl, err)
	}
	if _, _, err := System(filepath.Join(t.TempDir(), "none"))(ctx, "lb.example."); err == nil {
		t.Error("no error without the file")
	}
}

// TestANameHasAtMostTheAddressesOfAPlacement: the name's owner chooses its records.
func TestANameHasAtMostTheAddressesOfAPlacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := 0
		r := New(func(context.Context, string) (e federation.Endpoint, _ time.Duration, _ error) {
			turn++
			for i := range 1000 { // which are rotated
				i = (i + turn) % 1000
				e = e.Add(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})).Add(netip.AddrFrom16([16]byte{0x20, 1, 14: byte(i >> 8), 15: byte(i)}))
			}
			return e, time.Minute, nil
		}, func(error) {})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		r.Set(lookups("ns", "lb."))
		<-r.Changed()
		for range 3 {
			if e, _ := r.Get("lb."); len(e.V4) != federation.MaxAddresses || len(e.V6) != federation.MaxAddresses || e.First().String() != "192.0.0.0" {
				t.Errorf("%d and %d addresses from %s on, want the first %d of each family", len(e.V4), len(e.V6), e.First(), federation.MaxAddresses)
			}
			time.Sleep(time.Minute + time.Second)
		}
		select {
		case <-r.Changed():
			t.Error("other addresses of the same name count as a change")
		default:
		}
		cancel()
		<-done
	})
}

// TestUnresponsiveNamesDelayOnlyTheirOwnNamespace covers thousands of names with
// unresponsive servers, old and new, in one namespace or in many.
func TestUnresponsiveNamesDelayOnlyTheirOwnNamespace(t *testing.T) {
	for _, namespaces := range []int{1, 3, 40} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			last, under, most := byte(1), 0, 0
			r := New(func(ctx context.Context, name string) (federation.Endpoint, time.Duration, error) {
				mu.Lock()
				under++
				most = max(most, under)
				answer := endpoint(netip.AddrFrom4([4]byte{192, 0, 2, last}).String())
				mu.Unlock()
				defer func() { mu.Lock(); under--; mu.Unlock() }()
				if strings.HasPrefix(name, "hang") {
					<-ctx.Done()
					return federation.Endpoint{}, 0, ctx.Err()
				}
				return answer, 5 * time.Second, nil
			}, func(error) {})
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { r.Run(ctx) })
			set := func(n int) {
				all := lookups("bank", "honest.")
				for i := range n {
					all = append(all, lookups(fmt.Sprintf("evil%d", i%namespaces), fmt.Sprintf("hang%d.", i))...)
				}
				slices.SortFunc(all, func(a, b federation.Lookup) int { return a.Compare(b.Name) })
				r.Set(all)
			}
			set(2000)
			time.Sleep(2 * time.Minute) // the unresponsive ones are known
			for n := range byte(5) {
				mu.Lock()
				last = 10 + n
				mu.Unlock()
				set(2000 + int(n)*8) // and there are new ones
				time.Sleep(11 * time.Second)
				if got, _ := r.Get("honest."); got.First().As4()[3] != 10+n {
					t.Errorf("%d namespaces: %s after twice its TTL, want .%d", namespaces, got.First(), 10+n)
				}
			}
			cancel()
			running.Wait()
			if most > atOnce || most < min(perNamespace*namespaces, silentAtOnce) {
				t.Errorf("%d namespaces: %d at once", namespaces, most)
			}
		})
	}
}
