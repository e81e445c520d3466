package tcp

import "syscall"

// bounds are the limits on the number of connections. Zero means the default.
type bounds struct {
	// all is the limit for the process, and network that for one network.
	all, network int
	// v4 and v6 are the lengths of a network's prefix.
	v4, v6 int
}

const (
	// mostByDefault takes about 25 MB, or 200 MB if all connections use TLS: what a container for a resolver can
	// spare.
	mostByDefault = 4096
	// share is the part of all that one network may have.
	share = 4
	// queriesByDefault bounds how many queries one connection may carry: a resolver that forwards over it notices
	// nothing, and one that should move to another server does so.
	queriesByDefault = 10_000
)

// complete sets the unset bounds. files is how many the process may open; half of them remain for probes,
// upstreams, the admin socket and writing.
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

// fitting is how many connections there may be, whatever the bounds say, so that a third of the files remains for
// other uses. The limit on files may be lowered while the server runs.
func fitting(files int) int { return max(files-files/3, 1) }

// openFiles is how many files the process may open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 2 * mostByDefault
	}
	return int(min(limit.Cur, 2*mostConnections)) //nolint:gosec // it is at most some millions
}
