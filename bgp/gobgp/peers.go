package gobgp

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/nearcast/nearcast/bgp"
)

func listPeers(s *server.BgpServer) []bgp.PeerStatus {
	var peers []bgp.PeerStatus
	// The only error is of a server that has stopped, and has no peers.
	_ = s.ListPeer(context.Background(), &api.ListPeerRequest{}, func(p *api.Peer) {
		if p.State == nil || p.Conf == nil {
			return
		}
		status := bgp.PeerStatus{
			Address: p.State.NeighborAddress, ASN: p.Conf.PeerAsn,
			// The API counts from one, the packets' own states from zero.
			State: stateName(gobgp.FSMState(p.State.SessionState - 1)),
		}
		if p.State.SessionState == api.PeerState_SESSION_STATE_ESTABLISHED && p.Timers != nil && p.Timers.State != nil && p.Timers.State.Uptime != nil {
			status.Uptime = time.Since(p.Timers.State.Uptime.AsTime()).Round(time.Second)
		}
		peers = append(peers, status)
	})
	return peers
}

// stateName is RFC 4271's name in lower case.
func stateName(s gobgp.FSMState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "BGP_FSM_"))
}

// quiet passes on what GoBGP warns of; its information is about every message.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(levelHandler{log.Handler()})
}

type levelHandler struct{ slog.Handler }

func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs)}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name)}
}
