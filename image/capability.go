package main

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// VFS_CAP_REVISION_2 and VFS_CAP_FLAGS_EFFECTIVE of linux/capability.h; with the flag, the kernel raises the
// capabilities when the file is executed.
const (
	revision2 = 0x02000000
	effective = 1
)

// mayBindService lets the resolver use port 53 as any user. A container without NET_BIND_SERVICE cannot execute
// this file: "operation not permitted".
func mayBindService() []byte {
	return fileCapability(unix.CAP_NET_BIND_SERVICE)
}

// fileCapability is struct vfs_cap_data of linux/capability.h, revision 2: little
// endian words for flags, then permitted and inheritable, the lower half first.
func fileCapability(capability uint) []byte {
	words := [5]uint32{0: revision2 | effective, 1: 1 << capability}
	var out []byte
	for _, word := range words {
		out = binary.LittleEndian.AppendUint32(out, word)
	}
	return out
}
