package snapshot

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// After its first line a file consists of frames: a length and a checksum, of 4 octets
// each with the lowest first, and so many octets. The checksum, CRC-32C, is of everything
// before it and of the frame's content, so that a frame is only good in its place. The last
// frame is empty, and nothing follows it.

const frameHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameWriter writes frames.
type frameWriter struct {
	to  io.Writer
	sum uint32
}

// begin writes the first line.
func (f *frameWriter) begin(line string) error {
	f.sum = crc32.Checksum([]byte(line), castagnoli)
	_, err := io.WriteString(f.to, line)
	return err
}

// write writes one frame; an empty one is the last.
func (f *frameWriter) write(content []byte) error {
	var head [frameHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(content))) //nolint:gosec // see wholeChunk
	f.sum = crc32.Update(crc32.Update(f.sum, castagnoli, head[:4]), castagnoli, content)
	binary.LittleEndian.PutUint32(head[4:], f.sum)
	if _, err := f.to.Write(head[:]); err != nil {
		return err
	}
	_, err := f.to.Write(content)
	return err
}

// frameReader reads frames.
type frameReader struct {
	from io.Reader
	// left is the number of octets that the file has left.
	left int64
	sum  uint32
}

// next returns the content of the next frame, or io.EOF after the last one. It allocates
// no more than the file has left, whatever the frame says.
func (f *frameReader) next() ([]byte, error) {
	var head [frameHead]byte
	if f.left < frameHead {
		return nil, damaged("it ends before its last part")
	}
	if _, err := io.ReadFull(f.from, head[:]); err != nil {
		return nil, short(err)
	}
	f.left -= frameHead
	length := int64(binary.LittleEndian.Uint32(head[:]))
	if length > f.left {
		return nil, damaged("a part of %d octets is announced, and %d are left", length, f.left)
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(f.from, content); err != nil {
		return nil, short(err)
	}
	f.left -= length
	f.sum = crc32.Update(crc32.Update(f.sum, castagnoli, head[:4]), castagnoli, content)
	switch {
	case f.sum != binary.LittleEndian.Uint32(head[4:]):
		return nil, damaged("checksum mismatch")
	case length > 0:
		return content, nil
	case f.left > 0:
		return nil, damaged("%d octets follow its last part", f.left)
	}
	return nil, io.EOF
}

// short names a file that became shorter while it was read.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends before its last part")
	}
	return err
}
