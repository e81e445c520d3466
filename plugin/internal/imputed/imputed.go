// Package imputed says for which name an answer is counted. Names below a wildcard, and
// those that do not exist, can be made up without end; what limits answers by their
// name has to count them as one.
package imputed

import "context"

// Note is what a handler that answers leaves for one that limits.
type Note struct {
	// Name is the one that exists and is counted, canonical; "" for that asked for.
	Name string
	// Absent is set where the name asked for does not exist, whatever the rcode is
	// (RFC 9824 has NOERROR).
	Absent bool
}

type key struct{}

// Context is a context with a Note, which is read once the query is answered.
type Context struct {
	context.Context
	Note Note
}

// Value implements context.Context.
func (c *Context) Value(k any) any {
	if k == (key{}) {
		return c
	}
	return c.Context.Value(k)
}

// own stands in a context in place of a Note.
type own struct{}

// Own returns the context of a query that the server asks itself. Its answer goes to
// nobody as it is: it is not counted, and says nothing of the client's.
func Own(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, own{}) }

// IsOwn reports whether the context is one of Own.
func IsOwn(ctx context.Context) bool { return ctx.Value(key{}) == own{} }

// Within reports whether the query belongs to one that is counted, or that Own says is
// not to be.
func Within(ctx context.Context) bool { return ctx.Value(key{}) != nil }

// Absent notes that the name asked for does not exist in the zone.
func Absent(ctx context.Context, zone string) {
	if c, _ := ctx.Value(key{}).(*Context); c != nil {
		c.Note = Note{Name: zone, Absent: true}
	}
}

// To notes that a name which exists, such as a wildcard, made the answer.
func To(ctx context.Context, name string) {
	if c, _ := ctx.Value(key{}).(*Context); c != nil {
		c.Note.Name = name
	}
}
