package gobgp

import (
	"context"
	"log/slog"
	"sync"
)

// chronicle holds the notes of all addresses.
type chronicle struct {
	wake chan struct{}
	mu   sync.Mutex
	all  map[string]*notes
}

func newChronicle() *chronicle {
	return &chronicle{wake: make(chan struct{}, 1), all: map[string]*notes{}}
}

// of returns the notes of an address, in GoBGP's notation.
func (c *chronicle) of(addr string) *notes {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[addr] == nil {
		c.all[addr] = &notes{wake: c.wake}
	}
	return c.all[addr]
}

// forget drops the notes of an address.
func (c *chronicle) forget(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, addr)
}

// scribe passes what GoBGP logs about a peer to its notes.
type scribe struct {
	slog.Handler
	chronicle *chronicle
	notes     *notes // nil for records about no peer
}

// Enabled implements slog.Handler.
func (h scribe) Enabled(ctx context.Context, level slog.Level) bool {
	return h.notes != nil && (level >= slog.LevelInfo || h.notes.watching.Load()) || h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h scribe) Handle(ctx context.Context, record slog.Record) error {
	if h.notes != nil {
		h.notes.read(record)
	}
	if !h.Handler.Enabled(ctx, record.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler. GoBGP identifies a peer by its Key.
func (h scribe) WithAttrs(attrs []slog.Attr) slog.Handler {
	of := h.notes
	for _, a := range attrs {
		if a.Key == "Key" {
			of = h.chronicle.of(a.Value.String())
		}
	}
	return scribe{h.Handler.WithAttrs(attrs), h.chronicle, of}
}

// WithGroup implements slog.Handler.
func (h scribe) WithGroup(name string) slog.Handler {
	return scribe{h.Handler.WithGroup(name), h.chronicle, h.notes}
}
