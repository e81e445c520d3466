// Package scratch lends handlers room that outlives a query. What is made anew for
// each query is what Go's collector has to do on a busy server, and the queries that
// come while it works are the slowest.
package scratch

import "context"

// Scratch is the room of a reader that serves one query after the other. It is for
// one goroutine alone. Its zero value is ready for a query.
type Scratch struct {
	room any
	// out is how many takers have not returned what they took.
	out int
	// used is set once the query had one.
	used bool
}

type key struct{}

// Lend returns a context whose query may use the room.
func (s *Scratch) Lend(ctx context.Context) context.Context {
	return context.WithValue(ctx, key{}, s)
}

// Take returns an empty T: the one that is lent, or a new one where none is, or
// somebody has it.
func Take[T any](ctx context.Context) *T {
	s := of(ctx)
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

// Return says that the reply is written, and that who took keeps nothing of the
// query, of its writer, or of what was taken. What is not returned is not lent again.
func Return(ctx context.Context) {
	if s := of(ctx); s != nil {
		s.out--
	}
}

func of(ctx context.Context) *Scratch {
	s, _ := ctx.Value(key{}).(*Scratch)
	return s
}

// Reusable reports whether the query was answered in the room, and everything that was
// taken is returned: then the room, the query and its writer may serve the next one.
func (s *Scratch) Reusable() bool {
	reusable := s.used && s.out == 0
	s.used = false
	return reusable
}
