// Package secretfile warns about files with secrets that other users can read.
package secretfile

import (
	"fmt"
	"io/fs"
	"os"
)

// Warning says who else can read or replace the secret in the file at path, and what to
// do; "" if nobody can. It ignores a file that it cannot stat: the code that reads it
// reports that. The group matters only if this process is not in it: a secret that root
// shares with the program's group is as it should be.
func Warning(path string) string {
	info, err := os.Stat(path) // follows links
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

// The mode bits that give access to a file, for whom and for what.
const (
	others fs.FileMode = 0o006
	group  fs.FileMode = 0o060
	write  fs.FileMode = 0o022
)
