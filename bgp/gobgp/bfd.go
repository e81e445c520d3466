package gobgp

import (
	"context"
	"log/slog"
)

// bfdStarted is what GoBGP logs when it has opened its BFD socket, before it reads
// from it. TestBFDPacketsFromAfarChangeNothing fails where a version says otherwise.
const bfdStarted = "BFD server is started"

// bfdGuard has BFD's socket refuse packets that a router has forwarded. GoBGP checks
// no TTL (RFC 5881, section 5, demands 255), so that any host could reset sessions,
// and neither shows its socket nor takes one of ours; it only tells its log.
type bfdGuard struct {
	slog.Handler
	log *slog.Logger
}

// Enabled implements slog.Handler.
func (h bfdGuard) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h bfdGuard) Handle(ctx context.Context, record slog.Record) error {
	if record.Message == bfdStarted {
		if err := takeNeighboursOnly(); err != nil {
			h.log.Error("BFD takes packets from afar, so that any host can reset sessions: admit UDP 3784 from the peers alone, or take bfd off", "error", err)
		}
	}
	if !h.Handler.Enabled(ctx, record.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h bfdGuard) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bfdGuard{h.Handler.WithAttrs(attrs), h.log}
}

// WithGroup implements slog.Handler.
func (h bfdGuard) WithGroup(name string) slog.Handler {
	return bfdGuard{h.Handler.WithGroup(name), h.log}
}
