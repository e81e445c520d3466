package tcp

import "syscall"

// bounds are how many connections there may be. What is zero has its default.
type bounds struct {
	// all are those of the process, and network those of one network.
	all, network int
	// v4 and v6 are the lengths of a network's prefix.
	v4, v6 int
}

const (
	// mostByDefault needs some 25 MB, or 200 MB where all use TLS: what a container for
	// a resolver has to spare.
	mostByDefault = 4096
	// share is what one network may have of all.
	share = 4
	// queriesByDefault bounds what one connection is good for: a resolver that forwards
	// over it notices nothing, and one that should come again elsewhere does.
	queriesByDefault = 10_000
)

// complete sets what is not set: files are how many the process may open, of which
// probes, upstreams, the admin socket and what is written keep half.
func (b bounds) complete(files int) bounds {
	if b.all == 0 {
		b.all = max(min(files/2, mostByDefault), 1)
	}
	if b.network == 0 {
		b.network = max(b.all/share, 1)
	}
	if b.v4 == 0 && b.v6 == 0 {
		b.v4, b.v6 = 24, 56
	}
	return b
}

// fitting is how many connections there may be whatever the bounds say, so that a third
// of the files is left for the rest. The limit may be lowered while the server runs.
func fitting(files int) int { return max(files-files/3, 1) }

// openFiles is how many files the process may open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 2 * mostByDefault
	}
	return int(min(limit.Cur, 2*mostConnections)) //nolint:gosec // it is at most some millions
}
