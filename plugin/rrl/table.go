package rrl

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// table holds accounts, and never grows. Its methods are safe for concurrent use and take no lock.
type table struct {
	// lines have the size of a processor's cache line: one query touches one of them.
	lines [][perLine]atomic.Uint64
	mask  uint64
	// began is when the table was made; times are relative to it.
	began time.Time
}

const perLine = 8

// newTable returns a table for at least so many accounts.
func newTable(accounts int) *table {
	n := 1 << bits.Len(uint((accounts-1)/perLine))
	return &table{lines: make([][perLine]atomic.Uint64, n), mask: uint64(n - 1), began: time.Now()}
}

// An account is one word: a tag that distinguishes the accounts of a line, the number of answers limited since the
// last one that slipped, and the time at which the account is paid off. That time implements a leaky bucket: each
// answer moves it later, by a second divided by the rate.
const (
	timeBits  = 40
	countBits = 4
	tagBits   = 64 - timeBits - countBits

	timeMask  = 1<<timeBits - 1
	countMask = 1<<countBits - 1
)

// unit is the unit of an account's times. They wrap around after 127 days, and a debt larger than the possible
// maximum marks an old account.
const unit = 10 * time.Microsecond

const perSecond = int64(time.Second / unit)

// late is how long a query may be delayed after it has read the clock: others may have moved the account's time
// meanwhile.
const late = 60 * perSecond

// limit is the limit for accounts of one kind.
type limit struct {
	// each is how long an account takes to pay for one answer, and most is what it can owe, in units.
	each, most int64
	slip       uint64
}

// limitOf returns the limit for a rate of answers per second, which is not 0. A debt over one second's answers is
// too much, and the largest debt is that and window seconds' answers.
func limitOf(rate, window, slip int) limit {
	return limit{each: perSecond / int64(rate), most: int64(window+1) * perSecond, slip: uint64(slip)} //nolint:gosec // is 0 to 10
}

// verdict is what happens to an answer.
type verdict uint8

const (
	within verdict = iota
	drop
	slip
)

// debit adds one answer to the debt of a hash's account, and reports whether that is too much.
func (t *table) debit(hash uint64, l *limit) verdict {
	line := &t.lines[hash&t.mask]
	tag := hash >> (64 - tagBits)
	now := int64(time.Since(t.began) / unit)
	for {
		slot, word, mine := find(line, tag, now, l.most)
		debt, count, v := l.each, uint64(0), within
		if mine {
			debt, count = debt+debtOf(word, now, l.most), word>>timeBits&countMask
		}
		if debt > perSecond {
			debt, v = min(debt, l.most), drop
			if count = (count + 1) & countMask; l.slip > 0 && count >= l.slip {
				count, v = 0, slip
			}
		}
		next := tag<<(timeBits+countBits) | count<<timeBits | uint64(now+debt)&timeMask //nolint:gosec // modulo
		if line[slot].CompareAndSwap(word, next) {
			return v
		}
	}
}

// find returns the account with the tag, or the account to replace: the one that owes the least and is not mine.
func find(line *[perLine]atomic.Uint64, tag uint64, now, most int64) (slot int, word uint64, mine bool) {
	for i := range line {
		if w := line[i].Load(); w>>(timeBits+countBits) == tag && w != 0 {
			return i, w, true
		}
	}
	least := int64(1<<63 - 1)
	for i := range line {
		w := line[i].Load()
		if d := debtOf(w, now, most); d < least {
			slot, word, least = i, w, d
		}
	}
	return slot, word, false
}

// debtOf returns how long the account takes to pay its debt.
func debtOf(word uint64, now, most int64) int64 {
	const half = 1 << (timeBits - 1)
	d := (int64(word&timeMask)-now+half)&timeMask - half
	if d < 0 || d > most+late {
		return 0
	}
	return d
}
