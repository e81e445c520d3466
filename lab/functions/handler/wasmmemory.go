//go:build wasip1

package handler

import (
	"encoding/binary"
	"unsafe"
)

// blocks are the memory given to the host and received from it, by address. They live as long as the module's
// instance, which serves one call; the garbage collector never moves them.
var blocks = map[uint32][]byte{}

// realloc gives the host memory for strings and lists.
//
//go:wasmexport canonical_abi_realloc
func realloc(old, oldSize, _, size uint32) uint32 {
	block := area(size)
	copy(block.bytes, memory(old, oldSize))
	return block.address
}

//go:wasmexport canonical_abi_free
func free(address, _, _ uint32) { delete(blocks, address) }

// block is memory with its address.
type block struct {
	address uint32
	bytes   []byte
}

// area makes a block, aligned for anything that the host may store.
func area(size uint32) block {
	words := make([]uint64, size/8+1)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
	address := uint32(uintptr(unsafe.Pointer(&words[0])))
	blocks[address] = bytes
	return block{address, bytes}
}

// view is a block that already exists.
func view(address, size uint32) block { return block{address, memory(address, size)} }

// memory returns what the host stored at the address, which may be nothing.
func memory(address, size uint32) []byte {
	known := blocks[address]
	return known[:min(int(size), len(known))]
}

// give copies data to memory that the host can read.
func give(data []byte) uint32 {
	b := area(uint32(len(data)))
	copy(b.bytes, data)
	return b.address
}

func (b block) put8(at uint32, v uint8)   { b.bytes[at] = v }
func (b block) put16(at uint32, v uint16) { binary.LittleEndian.PutUint16(b.bytes[at:], v) }
func (b block) put32(at, v uint32)        { binary.LittleEndian.PutUint32(b.bytes[at:], v) }
func (b block) get32(at uint32) uint32    { return binary.LittleEndian.Uint32(b.bytes[at:]) }
func (b block) get16(at uint32) uint16    { return binary.LittleEndian.Uint16(b.bytes[at:]) }
