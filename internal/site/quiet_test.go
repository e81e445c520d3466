package site

import (
	"testing"
	"time"
)

func TestTheLinesOfOneObjectHideNoOthers(t *testing.T) {
	var q quiet
	now, logged := time.Unix(1e9, 0), 0
	for range 10000 {
		if ok, _ := q.allow("evil", now); ok {
			logged++
		}
	}
	if ok, _ := q.allow("bank", now); logged != linesAtOnce || !ok {
		t.Errorf("%d lines of one object were logged, and of another: %v", logged, ok)
	}
	if ok, withheld := q.allow("evil", now.Add(linesEvery)); !ok || withheld != 10000-linesAtOnce {
		t.Errorf("later: %v, after %d lines that were not logged", ok, withheld)
	}
	now = now.Add(linesEvery * (linesAtOnce + 1))
	q.allow("shop", now)
	if len(q.spoken) != 1 {
		t.Errorf("%d objects without further lines are remembered", len(q.spoken))
	}
}
