package feed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/base/folder"
	"github.com/nearcast/nearcast/internal/base/regular"
)

// file keeps a Book on disk: a header line, and frames. A frame is the length of its payload and its checksum, then
// the payload: a step, or the content. Steps before the content led to it; those after it follow it. Changes are
// appended. A file that has grown to twice the size of the content is replaced: a new one is written beside it and
// renamed.
type file struct {
	path, title string
	handle      *os.File // nil until something is written
	size, base  int64
	// floor is the last readable serial.
	floor uint32
}

// journalMagic begins every file; the number is the version of the format.
const journalMagic = "nearcast-feed 1"

func newFile(dir, source, policy string) *file {
	sum := sha256.Sum256([]byte(source + "\n" + policy))
	return &file{
		path:  filepath.Join(dir, fmt.Sprintf("feed-%x.journal", sum[:8])),
		title: fmt.Sprintf("%s %s %s\n", journalMagic, policy, strconv.Quote(source)),
	}
}

// The kinds of frames.
const (
	frameContent = 'C'
	frameStep    = 'S'
)

const frameHeader = 8

// maxSize bounds the files that are read, in octets; a file is up to three times as large as its zone.
const maxSize = 4 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func frame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload))) //nolint:gosec // of a zone in memory
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	return append(dst, payload...)
}

// append writes the history's last step, and waits for the disk.
func (f *file) append(h *history) error {
	if f.handle == nil || f.size > 2*f.base+leastHistory || len(h.steps) == 0 {
		return f.rewrite(h) // a step that is too large is not kept
	}
	raw := frame(nil, encodeStep(h.steps[len(h.steps)-1]))
	_, err := f.handle.WriteAt(raw, f.size)
	if err == nil {
		err = f.handle.Sync()
	}
	if err != nil {
		f.close() // the next rewrite overwrites a partial write
		return err
	}
	f.size += int64(len(raw))
	return nil
}

// rewrite writes the whole history.
func (f *file) rewrite(h *history) error {
	f.close()
	raw := []byte(f.title)
	for _, s := range h.steps {
		raw = frame(raw, encodeStep(s))
	}
	raw = frame(raw, encodeContent(h))
	err := folder.Replace(f.path, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err != nil {
		return err
	}
	f.handle, err = os.OpenFile(f.path, os.O_WRONLY, 0)
	f.size, f.base = int64(len(raw)), int64(len(raw))
	return err
}

func (f *file) close() {
	if f.handle != nil {
		f.handle.Close()
		f.handle = nil
	}
}

// load reads the file and returns the text of the head that it was written with, or nothing if there is no file. If
// the file ends within a write, its end is cut off; a damaged file is an error that names it. An error with a
// history means that the file can be read but not written.
func (f *file) load() (h *history, head string, err error) {
	raw, err := regular.Read(f.path, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("feed journal: %w", err)
	}
	h, head, whole, err := parseFile(raw, f.title)
	if h != nil {
		f.floor = h.serial
	}
	if err != nil {
		return nil, "", fmt.Errorf("feed journal %s: %w", f.path, err)
	}
	f.size, f.base = int64(whole), int64(h.size)
	f.handle, err = os.OpenFile(f.path, os.O_WRONLY, 0)
	if err == nil {
		err = f.handle.Truncate(int64(whole))
	}
	if err != nil {
		f.close() // the next change rewrites it
	}
	return h, head, err
}

// parseFile returns the content of the file, and how much of it is complete. With an error, the history is only as
// much as could be read, or nil.
func parseFile(raw []byte, title string) (h *history, head string, whole int, err error) {
	if !bytes.HasPrefix(raw, []byte(title)) {
		line, _, _ := bytes.Cut(raw, []byte{'\n'})
		return nil, "", 0, fmt.Errorf("begins with %.80q instead of %q: it is not a journal of this feed, or was written by another version", line, strings.TrimSpace(title))
	}
	h = &history{}
	content := false
	var since []Change // the content
	whole = len(title)
	for rest := raw[whole:]; len(rest) > 0; rest = raw[whole:] {
		payload, ok, damaged := nextFrame(rest)
		if damaged {
			return h, head, whole, fmt.Errorf("is damaged at octet %d: checksum mismatch", whole)
		}
		if !ok {
			break // the process stopped during this write: no secondary has it
		}
		isContent := len(payload) > 0 && payload[0] == frameContent
		switch {
		case isContent && content:
			err = errors.New("the content is given twice")
		case isContent:
			content = true
			head, err = decodeContent(payload, h)
		default:
			err = decodeStep(payload, h, content)
			if content && err == nil {
				since = append(since, h.steps[len(h.steps)-1].changes...)
			}
		}
		if err != nil {
			return h, head, whole, fmt.Errorf("is damaged at octet %d: %w", whole, err)
		}
		whole += frameHeader + len(payload)
	}
	if !content {
		return h, head, whole, errors.New("has no content")
	}
	h.nodes = apply(h.nodes, join(since))
	h.size = sizeOf(h.nodes)
	return h.trim(), head, whole, nil
}

// nextFrame returns the first frame's payload. It is not ok if the frame is incomplete, as the last one may be: it
// ends early, or is the zeros of a file that was not yet filled.
func nextFrame(raw []byte) (payload []byte, ok, damaged bool) {
	if len(raw) < frameHeader {
		return nil, false, false
	}
	length := int64(binary.BigEndian.Uint32(raw))
	if length > int64(len(raw)-frameHeader) || length == 0 && len(bytes.Trim(raw, "\x00")) == 0 {
		return nil, false, false
	}
	payload = raw[frameHeader : frameHeader+length]
	return payload, true, crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(raw[4:])
}
