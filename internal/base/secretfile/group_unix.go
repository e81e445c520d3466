//go:build unix

package secretfile

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// ownGroup reports whether this process is in the file's group.
func ownGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	all, _ := os.Getgroups() // on error, only its own remains
	return slices.Contains(append(all, os.Getegid()), int(stat.Gid))
}
