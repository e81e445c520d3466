// Package scratch lends handlers memory that outlives a query. On a busy server, memory allocated for each query
// keeps Go's garbage collector busy, and the queries that arrive while it runs are the slowest.
package scratch

import (
	"context"

	"github.com/miekg/dns"
)

// Scratch is the memory of a reader that serves one query after the other.
type Scratch struct {
	// query is the query that the memory is for. Other queries have its context if a plugin makes queries of its
	// own, possibly in another goroutine.
	query *dns.Msg
	room  any
	// beside is memory for a handler before the one that answers.
	beside any
	// out is how many takers have not returned their memory.
	out int
	// used is set once the query has taken a T.
	used bool
}

type key struct{}

// Lend returns memory for reading a query into, and a context that has the Scratch.
func Lend(ctx context.Context, query *dns.Msg) (*Scratch, context.Context) {
	s := &Scratch{query: query}
	return s, context.WithValue(ctx, key{}, s)
}

// Take returns an empty T to answer the query in: the lent one, or a new one if none is lent or it is in use.
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

// Beside returns an empty T for a handler that comes before the answering one and is part of the query's writer or
// context, and lives as long as they do. Only one handler of a chain may have a T.
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

// Return says that the reply is written, and that the taker keeps nothing of the query, its writer or the T. A T
// that is not returned is not lent again.
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

// Reusable reports whether the query was answered in lent memory and everything taken was returned. If so, the
// memory, the query and its writer may serve the next one.
func (s *Scratch) Reusable() bool {
	reusable := s.used && s.out == 0
	s.used = false
	return reusable
}
