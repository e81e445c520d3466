package scratch

import (
	"context"
	"testing"
)

type thing struct{ text string }

func TestWhatIsReturnedIsLentAgainEmpty(t *testing.T) {
	var s Scratch
	ctx := s.Lend(context.Background())
	first := Take[thing](ctx)
	first.text = "hello"
	Return(ctx)
	if !s.Reusable() {
		t.Fatal("what was returned cannot be lent again")
	}
	if second := Take[thing](ctx); second != first || second.text != "" {
		t.Errorf("%p %+v, want %p and nothing in it", second, second, first)
	}
}

func TestWhatIsNotReturnedIsNotLentAgain(t *testing.T) {
	var s Scratch
	ctx := s.Lend(context.Background())
	if s.Reusable() {
		t.Error("a query in whose answer nobody took anything may be kept by whoever made that")
	}
	outer := Take[thing](ctx)
	inner := Take[thing](ctx)
	if inner == outer {
		t.Error("two have the same")
	}
	Return(ctx)
	if s.Reusable() {
		t.Error("one of two returned what it took")
	}
	if Take[thing](ctx) == outer {
		t.Error("what nobody returned was lent again")
	}
}

func TestWithoutALenderEachIsNew(t *testing.T) {
	ctx := context.Background()
	first := Take[thing](ctx)
	if second := Take[thing](ctx); second == first {
		t.Error("two have the same")
	}
	Return(ctx)
}

func TestTakingAllocatesNothing(t *testing.T) {
	var s Scratch
	ctx := s.Lend(context.Background())
	if n := testing.AllocsPerRun(100, func() {
		Take[thing](ctx)
		Return(ctx)
		if !s.Reusable() {
			t.Fatal("not reusable")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
