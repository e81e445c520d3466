package feed

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd sends n clients of the network to the gate, each of which holds it for the
// duration, and returns how many have been admitted so far.
func crowd(g *gate, network string, n int, hold time.Duration) func() int32 {
	var entered atomic.Int32
	for range n {
		go func() {
			if leave, ok := g.enter(netip.MustParsePrefix(network)); ok {
				entered.Add(1)
				time.Sleep(hold)
				leave()
			}
		}()
	}
	synctest.Wait()
	return entered.Load
}

func TestTransfersAreLimitedPerNetworkAndInTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for _, c := range []struct {
			network string
			want    int32
		}{{"192.0.2.0/24", mostOfNetwork}, {"198.51.100.0/24", mostOfNetwork}, {"203.0.113.0/24", 0}} {
			if got := crowd(g, c.network, 20, time.Hour)(); got != c.want {
				t.Errorf("%d transfers of %s run, want %d", got, c.network, c.want)
			}
		}
		time.Sleep(time.Hour) // until all have left
	})
}

func TestAWaitingTransferIsServedInTurnOrRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		// Of 60 clients that take a second each, 50 may wait, and five are served at a
		// time.
		got := crowd(g, "192.0.2.0/24", 60, time.Second)
		time.Sleep(2 * turnWait)
		if got() != mostWaiting/2 {
			t.Errorf("%d were served, want %d", got(), mostWaiting/2)
		}
		stalled := crowd(g, "192.0.2.0/24", 20, time.Minute)
		time.Sleep(turnWait)
		synctest.Wait()
		if stalled() != mostOfNetwork || g.users != mostOfNetwork {
			t.Errorf("%d run and %d remain after the wait limit, want %d", stalled(), g.users, mostOfNetwork)
		}
		if other := crowd(g, "198.51.100.0/24", 1, 0); other() != 1 {
			t.Error("another network had to wait")
		}
		time.Sleep(time.Minute)
		if synctest.Wait(); g.users != 0 || len(g.of) != 0 || len(g.slots) != 0 {
			t.Errorf("%d are left, of %d networks, in %d places", g.users, len(g.of), len(g.slots))
		}
	})
}
