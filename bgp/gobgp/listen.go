package gobgp

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// listenable returns the addresses that this machine has. GoBGP would not start at all if one were
// missing, such as an address of a disabled family. If the machine has none of them, all are
// returned, and the start fails with their names.
func listenable(listen []netip.AddrPort, log *slog.Logger) []netip.AddrPort {
	var lacks []netip.AddrPort
	there := slices.DeleteFunc(slices.Clone(listen), func(at netip.AddrPort) bool {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at.Addr(), 0)))
		if err == nil {
			_ = l.Close()
		}
		lacking := errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
		if lacking {
			lacks = append(lacks, at)
		}
		return lacking
	})
	if len(there) == 0 {
		return listen
	}
	for _, at := range lacks {
		log.Warn("an address of listen is not assigned to this machine; restart the speaker once it is", "listen", at)
	}
	return there
}
