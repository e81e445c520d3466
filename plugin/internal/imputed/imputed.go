// Package imputed says under which name an answer is counted. Clients can make up any number of names below a
// wildcard, or that do not exist; limits by name must count all of these as one.
package imputed

import "context"

// Note is what an answering handler leaves for a limiting one.
type Note struct {
	// Name is the existing name to count, canonical; "" for the query name.
	Name string
	// Absent is set if the query name does not exist, whatever the rcode is (RFC 9824 uses NOERROR).
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

// own takes the place of a Note in a context.
type own struct{}

// Own returns the context of a query that the server itself makes. Its answer does not go to a client as it is: it
// is not counted, and says nothing about the client's answer.
func Own(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, own{}) }

// IsOwn reports whether the context is one of Own.
func IsOwn(ctx context.Context) bool { return ctx.Value(key{}) == own{} }

// Within reports whether the query belongs to one that is counted, or that Own exempts.
func Within(ctx context.Context) bool { return ctx.Value(key{}) != nil }

// Absent notes that the query name does not exist in the zone.
func Absent(ctx context.Context, zone string) {
	if c, _ := ctx.Value(key{}).(*Context); c != nil {
		c.Note = Note{Name: zone, Absent: true}
	}
}

// To notes that an existing name, such as a wildcard, made the answer.
func To(ctx context.Context, name string) {
	if c, _ := ctx.Value(key{}).(*Context); c != nil {
		c.Note.Name = name
	}
}
