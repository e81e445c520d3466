package site

import (
	"testing"
	"time"
)

func TestOnesLinesHideNoOthers(t *testing.T) {
	var q quiet
	now, logged := time.Unix(1e9, 0), 0
	for range 10000 {
		if ok, _ := q.allow("evil", now); ok {
			logged++
		}
	}
	if ok, _ := q.allow("bank", now); logged != linesAtOnce || !ok {
		t.Errorf("%d lines of one are logged, and of another: %v", logged, ok)
	}
	if ok, withheld := q.allow("evil", now.Add(linesEvery)); !ok || withheld != 10000-linesAtOnce {
		t.Errorf("later: %v, after %d that were not", ok, withheld)
	}
	now = now.Add(linesEvery * (linesAtOnce + 1))
	q.allow("shop", now)
	if len(q.spoken) != 1 {
		t.Errorf("%d are remembered who have nothing more to say", len(q.spoken))
	}
}
