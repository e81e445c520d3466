// Package secretfile warns of files with secrets that other users can read.
package secretfile

import (
	"fmt"
	"io/fs"
	"os"
)

// Warning returns who else can read or replace the secret in the file at path, and
// what to do; "" if nobody can. A file that cannot be looked at is for whoever reads
// it to name. The group counts where this process is not in it: a secret that root
// shares with the group of the program is where it belongs.
func Warning(path string) string {
	info, err := os.Stat(path) // of what a link leads to
	if err != nil {
		return ""
	}
	mode := info.Mode().Perm()
	var who string
	switch {
	case mode&others != 0:
		who = "every user of this machine"
	case mode&group != 0 && !ownGroup(info):
		who = "a group that this program is not in"
	default:
		return ""
	}
	can := "read"
	if mode&(others|group)&write != 0 {
		can = "read or replace"
	}
	return fmt.Sprintf("%s holds a secret, and mode %04o lets %s %s it; run chmod 600 %s (in Kubernetes set defaultMode: 0400 on the volume)", path, mode, who, can, path)
}

// The bits of a mode that open a file, for whom and to what.
const (
	others fs.FileMode = 0o006
	group  fs.FileMode = 0o060
	write  fs.FileMode = 0o022
)
