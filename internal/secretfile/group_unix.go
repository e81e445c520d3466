//go:build unix

package secretfile

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// ownGroup reports whether this process is in the group of the file.
func ownGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	all, _ := os.Getgroups() // without them its own is left
	return slices.Contains(append(all, os.Getegid()), int(stat.Gid))
}
