package regular

import (
	"io/fs"
	"os"
)

// Identity tells a file's content from another as far as that can be seen without
// reading: which file it is, its size, and when it changed. Equal ones are of one
// content, but for a change within the file system's grain of time.
type Identity struct {
	device, inode     uint64
	size              int64 // octets
	modified, changed int64 // Unix nanoseconds
}

// Identify returns the Identity of the file at the path, or that a link there leads to,
// and false where there is none, or something that is not a regular file.
func Identify(path string) (Identity, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return Identity{}, false
	}
	return identityOf(info), true
}

func identityOf(info fs.FileInfo) Identity {
	id := Identity{size: info.Size(), modified: info.ModTime().UnixNano()}
	id.add(info)
	return id
}

// SameFile reports whether both are of one file, of which only the content may have
// changed: it was written in its place, and not replaced.
func (i Identity) SameFile(o Identity) bool { return i.device == o.device && i.inode == o.inode }

// Unread returns an Identity that differs from that of the file whatever its content: it
// is of the same file, of which nothing was read.
func (i Identity) Unread() Identity {
	i.size = -1
	return i
}

// Written reports whether the last change was of the content: after a rename, or where a
// program has set the times, the file is whole.
func (i Identity) Written() bool { return i.modified == i.changed }

// Modified returns when the content last changed, in Unix nanoseconds.
func (i Identity) Modified() int64 { return max(i.modified, i.changed) }
