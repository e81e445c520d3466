package rrl

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// account is a hash with its own line and tag.
func account(n uint64) uint64 { return n<<(64-tagBits) | n }

// flood debits many answers at once.
func flood(t *table, hash uint64, l limit, n int) (answered, slipped int) {
	for range n {
		switch t.debit(hash, &l) {
		case within:
			answered++
		case slip:
			slipped++
		}
	}
	return answered, slipped
}

// TestOneSecondOfAnswersPassesAndNoMore covers every rate that can be set.
func TestOneSecondOfAnswersPassesAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable(1000)
		for _, rate := range []int{1, 2, 3, 5, 7, 20, 50, 999, 1000, 3333, 10_000} {
			most := rate + rate/10 // the unit is a tenth of the shortest time per answer
			if got, _ := flood(table, account(uint64(rate)), limitOf(rate, 15, 2), 3*rate+10); got < rate || got > most {
				t.Errorf("%d a second: %d at once", rate, got)
			}
		}
	})
}

// TestAnHonestRateIsNeverLimited also checks that a flood is, for as long as it lasts and
// for one window after it.
func TestAnHonestRateIsNeverLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, l := newTable(1000), limitOf(20, 15, 0)
		for range 20 * 60 {
			if v := table.debit(account(1), &l); v != within {
				t.Fatal("20 a second were limited")
			}
			time.Sleep(time.Second / 20)
		}
		for second := range 30 { // at 100 per second
			got := 0
			for range 100 {
				n, _ := flood(table, account(1), l, 1)
				got += n
				time.Sleep(time.Second / 100)
			}
			if second == 0 && got < 20 || second > 0 && got > 0 {
				t.Errorf("second %d of a flood had %d answers", second, got)
			}
		}
		time.Sleep(15*time.Second - 100*time.Millisecond)
		if got, _ := flood(table, account(1), l, 1); got > 0 {
			t.Error("an answer passed within the window after a flood")
		}
		time.Sleep(200 * time.Millisecond)
		if got, _ := flood(table, account(1), l, 1); got != 1 {
			t.Error("no answer passed after the window")
		}
		time.Sleep(time.Hour)
		if got, _ := flood(table, account(1), l, 100); got != 20 {
			t.Errorf("%d at once an hour later, want 20", got)
		}
	})
}

func TestEveryNthLimitedAnswerSlips(t *testing.T) {
	for slip := range 11 {
		synctest.Test(t, func(t *testing.T) {
			table, l := newTable(1000), limitOf(10, 15, slip)
			answered, slipped := flood(table, account(1), l, 10+1000)
			want := 0
			if slip > 0 {
				want = 1000 / slip
			}
			if answered != 10 || slipped != want {
				t.Errorf("slip %d: %d answered and %d slipped, want 10 and %d", slip, answered, slipped, want)
			}
		})
	}
}

// TestTimestampsThatWrapAroundLimitNobody crosses the wrap-around of an account's
// timestamps, and covers accounts that are older than the range.
func TestTimestampsThatWrapAroundLimitNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, l := newTable(1000), limitOf(10, 15, 0)
		around := time.Duration(1<<timeBits) * unit
		time.Sleep(around - 500*time.Millisecond)
		if got, _ := flood(table, account(1), l, 100); got != 10 {
			t.Errorf("%d before the end, want 10", got)
		}
		time.Sleep(time.Second)
		if got, _ := flood(table, account(1), l, 100); got != 0 {
			t.Errorf("%d a second after a flood, want 0", got)
		}
		for _, later := range []time.Duration{around / 2, around/2 + time.Hour, around - 2*time.Minute} {
			time.Sleep(later)
			if got, _ := flood(table, account(1), l, 100); got != 10 {
				t.Errorf("%d after %v, want 10", got, later)
			}
		}
	})
}

// TestAFullTableEvictsTheAccountThatOwesTheLeast floods from one network, and then a
// million others send one query each: the first stays limited.
func TestAFullTableEvictsTheAccountThatOwesTheLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, l := newTable(1000), limitOf(10, 15, 0)
		const flooder = 0x123456789abcdef0
		flood(table, flooder, l, 1000)
		r := rand.New(rand.NewPCG(1, 2))
		honest := 0
		const others = 1_000_000
		for range others {
			n, _ := flood(table, r.Uint64(), l, 1)
			honest += n
		}
		if got, _ := flood(table, flooder, l, 1); got > 0 {
			t.Error("the flood's account was evicted")
		}
		if honest < others*999/1000 {
			t.Errorf("%d of %d honest clients were answered", honest, others)
		}
	})
}

// TestConcurrentDebitsLoseNothing floods one account and others from all processors.
func TestConcurrentDebitsLoseNothing(t *testing.T) {
	table, l := newTable(1000), limitOf(1000, 15, 0)
	var answered atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			n, _ := flood(table, account(7), l, 20_000)
			answered.Add(int64(n))
		})
	}
	took := time.Now()
	all.Wait()
	// One second of answers passes, and those earned meanwhile.
	if most := 1001 + int64(time.Since(took)*1000/time.Second) + 1; answered.Load() < 1000 || answered.Load() > most {
		t.Errorf("%d answers, want 1000 to %d", answered.Load(), most)
	}
}

func TestDebitingDoesNotAllocate(t *testing.T) {
	table, l := newTable(1000), limitOf(10, 15, 2)
	n := uint64(0)
	if got := testing.AllocsPerRun(1000, func() { n += 0x9E3779B97F4A7C15; table.debit(n, &l) }); got > 0 {
		t.Errorf("%v allocations", got)
	}
}
