package regular

import (
	"io/fs"
	"os"
)

// Identity distinguishes the content of files as far as possible without reading them: by
// file, size, and time of change. Equal Identities mean equal content, unless a change
// fell within the file system's time granularity.
type Identity struct {
	device, inode     uint64
	size              int64 // octets
	modified, changed int64 // Unix nanoseconds
}

// Identify returns the Identity of the file at the path, following links, and false if
// there is none or it is not a regular file.
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

// SameFile reports whether both identify the same file, whose content may have changed:
// it was written in place and not replaced.
func (i Identity) SameFile(o Identity) bool { return i.device == o.device && i.inode == o.inode }

// Unread returns an Identity of the same file that differs from the file's own, whatever
// its content: nothing of it has been read.
func (i Identity) Unread() Identity {
	i.size = -1
	return i
}

// Written reports whether the last change was to the content. After a rename, or if a
// program has set the times, it was not: the file is complete.
func (i Identity) Written() bool { return i.modified == i.changed }

// Modified returns when the content last changed, in Unix nanoseconds.
func (i Identity) Modified() int64 { return max(i.modified, i.changed) }
