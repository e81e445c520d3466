package gobgp

import (
	"context"
	"log/slog"
)

// bfdStarted is what GoBGP logs after it has opened its BFD socket and before it reads from it.
// TestForwardedBFDPacketsChangeNothing fails if a version logs something else.
const bfdStarted = "BFD server is started"

// bfdGuard makes the BFD socket refuse packets that a router has forwarded. GoBGP does not check
// the TTL (RFC 5881, section 5, requires 255), so any host could reset sessions. It neither exposes
// its socket nor accepts one of ours; only its log tells when the socket exists.
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
			h.log.Error("cannot limit BFD to packets of the link, so any host can reset sessions: allow UDP 3784 from the peers only, or disable bfd", "error", err)
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
