package site

import (
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestAFunctionWithoutQueriesIsIdle shares a gateway between a function that is queried
// and one that is not.
func TestAFunctionWithoutQueriesIsIdle(t *testing.T) {
	shared := fixture.Function{Name: "busy", Clusters: []string{"de-wide"}}
	other := fixture.Function{Name: "quiet", Clusters: []string{"de-wide", "us-azure"}}
	v, err := Once(configOf(fixture.Dir(t, map[string]string{"all.yaml": fixture.ThreeWith(shared, other)})))
	if err != nil {
		t.Fatal(err)
	}
	if v.Asked(0) {
		t.Error("idle although no function may be")
	}
	now := time.Now()
	a := newActivities(time.Minute)
	v.activity, v.woken = a.follow(v.activity, functions{}, v.State.Functions, now), a.woken
	count := func() (idle, all int) {
		for _, is := range a.look(v, now) {
			all++
			if is {
				idle++
			}
		}
		return idle, all
	}
	if idle, all := count(); idle != 0 || all != 2 {
		t.Errorf("%d of %d targets idle at the start", idle, all)
	}
	now = now.Add(2 * time.Minute)
	if v.Asked(0) {
		t.Error("idle before it was checked")
	}
	if idle, _ := count(); idle != 1 {
		t.Errorf("%d targets idle, want only that of the quiet function", idle)
	}
	if !v.Asked(1) {
		t.Error("the quiet function was not idle")
	}
	select {
	case <-a.woken:
	default:
		t.Error("no function was woken")
	}
	if idle, _ := count(); idle != 0 || v.Asked(1) {
		t.Errorf("%d targets idle after it was queried", idle)
	}
	if again := a.follow(v.activity, v.State.Functions, v.State.Functions, now); again.At(0) != v.activity.At(0) {
		t.Error("a new table forgot which functions were queried")
	}
}
