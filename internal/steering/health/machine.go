package health

import (
	"errors"
	"syscall"
)

// affordable limits the probes in flight to half of the files that the process may open:
// the server's own connections need some.
func affordable(inFlight int) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return inFlight
	}
	return int(max(1, min(uint64(inFlight), files.Cur/2)))
}

// errStoodStill is for a probe that failed long after its deadline: this process was
// suspended or is short of CPU time, and did not look in time.
var errStoodStill = errors.New("this process was paused")

// unable reports whether a probe failed because this process or machine lacks resources,
// which says nothing about the target.
func unable(err error) bool {
	return errors.Is(err, errStoodStill) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}
