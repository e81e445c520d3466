package rtnetlink

import (
	"errors"
	"syscall"

	"github.com/vishvananda/netlink/nl"
)

// maxLists is how often List calls its function.
const maxLists = 4

// List calls a function that lists routes, again if they changed meanwhile, as then one may be missing.
// A table or a family that the kernel does not have has no routes: it creates a table with its first
// route.
func List(list func() error) error {
	err := list()
	for n := 1; n < maxLists && errors.Is(err, nl.ErrDumpInterrupted); n++ {
		err = list()
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EOPNOTSUPP) {
		return nil
	}
	return err
}
