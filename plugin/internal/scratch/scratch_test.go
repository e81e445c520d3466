package scratch

import (
	"context"
	"testing"

	"github.com/miekg/dns"
)

type thing struct{ text string }

func TestReturnedScratchIsLentAgainEmpty(t *testing.T) {
	query := new(dns.Msg)
	s, ctx := Lend(context.Background(), query)
	first := Take[thing](ctx, query)
	first.text = "hello"
	Return(ctx, query)
	if !s.Reusable() {
		t.Fatal("returned scratch cannot be lent again")
	}
	if second := Take[thing](ctx, query); second != first || second.text != "" {
		t.Errorf("%p %+v, want %p and nothing in it", second, second, first)
	}
}

func TestScratchThatIsNotReturnedIsNotLentAgain(t *testing.T) {
	query := new(dns.Msg)
	s, ctx := Lend(context.Background(), query)
	if s.Reusable() {
		t.Error("a query without borrowed scratch was not left to its maker")
	}
	outer := Take[thing](ctx, query)
	inner := Take[thing](ctx, query)
	if inner == outer {
		t.Error("two queries share scratch")
	}
	Return(ctx, query)
	if s.Reusable() {
		t.Error("one of two returned its scratch")
	}
	if Take[thing](ctx, query) == outer {
		t.Error("scratch that was not returned was lent again")
	}
}

// TestAPluginsOwnQueryBorrowsNothing covers a query that a plugin derives from the first
// and sends with the same context.
func TestAPluginsOwnQueryBorrowsNothing(t *testing.T) {
	query, own := new(dns.Msg), new(dns.Msg)
	s, ctx := Lend(context.Background(), query)
	asked := Take[thing](ctx, own)
	Return(ctx, own)
	if s.Reusable() {
		t.Error("the query was not answered in the room")
	}
	if Take[thing](ctx, query) == asked {
		t.Error("two queries share scratch")
	}
	if Take[thing](context.Background(), query) == Take[thing](ctx, own) {
		t.Error("two queries without a room share scratch")
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	query := new(dns.Msg)
	s, ctx := Lend(context.Background(), query)
	if n := testing.AllocsPerRun(100, func() {
		Take[thing](ctx, query)
		Return(ctx, query)
		if !s.Reusable() {
			t.Fatal("not reusable")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRoomBesideBelongsToTheQueryNotToItsAnswer covers a handler in front of others:
// these may keep its room, unless they answer in room that is lent.
func TestRoomBesideBelongsToTheQueryNotToItsAnswer(t *testing.T) {
	query := new(dns.Msg)
	s, ctx := Lend(context.Background(), query)
	first := Beside[thing](ctx, query)
	first.text = "hello"
	if s.Reusable() {
		t.Error("a query that nobody answered in its room may have another")
	}
	Take[int](ctx, query)
	Return(ctx, query)
	if !s.Reusable() {
		t.Error("room beside keeps the query from having another")
	}
	if second := Beside[thing](ctx, query); second != first || second.text != "" {
		t.Errorf("%p %+v, want %p and nothing in it", second, second, first)
	}
	if other := Beside[thing](ctx, new(dns.Msg)); other == first {
		t.Error("a plugin's own query has the room of the client's")
	}
}
