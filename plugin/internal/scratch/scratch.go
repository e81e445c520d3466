// Package scratch lends handlers room that outlives a query. What is made anew for
// each query is what Go's collector has to do on a busy server, and the queries that
// come while it works are the slowest.
package scratch

import (
	"context"

	"github.com/miekg/dns"
)

// Scratch is the room of a reader that serves one query after the other.
type Scratch struct {
	// query is the one that the room is for. Others come with its context where a
	// plugin asks something of its own, maybe in a goroutine of its own.
	query *dns.Msg
	room  any
	// beside is room for who stands before the handler that answers.
	beside any
	// out is how many takers have not returned what they took.
	out int
	// used is set once the query had one.
	used bool
}

type key struct{}

// Lend returns the room for what is read into query, and a context that has it.
func Lend(ctx context.Context, query *dns.Msg) (*Scratch, context.Context) {
	s := &Scratch{query: query}
	return s, context.WithValue(ctx, key{}, s)
}

// Take returns an empty T to answer the query in: the one that is lent, or a new one
// where none is, or somebody has it.
func Take[T any](ctx context.Context, query *dns.Msg) *T {
	s := of(ctx, query)
	if s == nil {
		return new(T)
	}
	s.out++
	if s.out > 1 {
		return new(T)
	}
	s.used = true
	t, ok := s.room.(*T)
	if !ok {
		t = new(T)
		s.room = t
		return t
	}
	var empty T
	*t = empty
	return t
}

// Beside returns an empty T for a handler that stands before the one that answers, and
// is part of the query's writer or context: it is kept for as long as these are. Only
// one handler of a chain may have a T.
func Beside[T any](ctx context.Context, query *dns.Msg) *T {
	s := of(ctx, query)
	if s == nil {
		return new(T)
	}
	t, ok := s.beside.(*T)
	if !ok {
		t = new(T)
		s.beside = t
		return t
	}
	var empty T
	*t = empty
	return t
}

// Return says that the reply is written, and that who took keeps nothing of the
// query, of its writer, or of what was taken. What is not returned is not lent again.
func Return(ctx context.Context, query *dns.Msg) {
	if s := of(ctx, query); s != nil {
		s.out--
	}
}

func of(ctx context.Context, query *dns.Msg) *Scratch {
	s, _ := ctx.Value(key{}).(*Scratch)
	if s == nil || s.query != query {
		return nil
	}
	return s
}

// Reusable reports whether the query was answered in the room, and everything that was
// taken is returned: then the room, the query and its writer may serve the next one.
func (s *Scratch) Reusable() bool {
	reusable := s.used && s.out == 0
	s.used = false
	return reusable
}
