package regular

import (
	"io/fs"
	"syscall"
)

// add adds what only the kernel knows. The change time also shows changes that preserve
// the modification time, as cp -p and rsync make.
func (i *Identity) add(info fs.FileInfo) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		i.device, i.inode, i.changed = uint64(stat.Dev), stat.Ino, stat.Ctim.Nano() //nolint:unconvert // 32 bits on some machines
	}
}
