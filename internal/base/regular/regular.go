// Package regular reads files that others may have placed where a program looks. It
// refuses anything but regular files before opening them, checks the open file again in
// case it was replaced in between, and reads no more than a limit. Its functions never
// wait for another process: not for the writer of a pipe, nor for more of a kernel log.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// ErrNot is wrapped by errors that refuse anything but a regular file.
var ErrNot = errors.New("is not a regular file; copy its content into one")

// ErrLarge is wrapped by errors that refuse a file larger than its limit.
var ErrLarge = errors.New("is too large")

// readTimeout bounds one read. A file on disk never waits; some kernel files, such as
// /proc/kmsg, claim to be regular but wait for more data.
const readTimeout = time.Second

// File is an open regular file.
type File struct {
	file *os.File
	info fs.FileInfo
	most int64
	read int64
}

// Open opens the file at the path, following links, and allows to read at most this many
// octets. Its errors are *fs.PathErrors.
func Open(path string, most int64) (*File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = check(info, most)
	}
	if err != nil {
		return nil, failed(path, err)
	}
	// Without O_NONBLOCK, a pipe that replaced the file would wait for its writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil {
		err = check(info, most)
	}
	if err != nil {
		file.Close()
		return nil, failed(path, err)
	}
	return &File{file: file, info: info, most: most}, nil
}

func check(info fs.FileInfo, most int64) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("is %s: it %w", kind(info.Mode()), ErrNot)
	case info.Size() > most:
		return tooLarge(info.Size(), most)
	}
	return nil
}

func tooLarge(size, most int64) error {
	return fmt.Errorf("%w: it has %d octets, and the limit is %d", ErrLarge, size, most)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

func failed(path string, err error) error {
	if _, has := errors.AsType[*fs.PathError](err); has {
		return err
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}

// Read implements io.Reader. It returns an error if the file has more than the limit,
// whatever its reported size.
func (f *File) Read(p []byte) (int, error) {
	_ = f.file.SetReadDeadline(time.Now().Add(readTimeout)) // files on disk need no deadline and have none
	n, err := f.file.Read(p)
	if f.read += int64(n); f.read > f.most {
		return 0, failed(f.file.Name(), tooLarge(f.read, f.most))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = failed(f.file.Name(), fmt.Errorf("reading it blocks, and it %w", ErrNot))
	}
	return n, err
}

// Seek is like os.File's. Octets that are read twice count once.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	at, err := f.file.Seek(offset, whence)
	if err == nil {
		f.read = at
	}
	return at, err
}

// Size returns the size of the file when it was opened, in octets.
func (f *File) Size() int64 { return f.info.Size() }

// Identity returns the file's Identity when it was opened.
func (f *File) Identity() Identity { return identityOf(f.info) }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Read reads the whole file at the path, which may have at most this many octets.
func Read(path string, most int64) ([]byte, error) {
	content, _, err := ReadIdentified(path, most)
	return content, err
}

// ReadIdentified is like Read, and also returns the file's Identity when it was opened.
func ReadIdentified(path string, most int64) ([]byte, Identity, error) {
	f, err := Open(path, most)
	if err != nil {
		return nil, Identity{}, err
	}
	defer f.Close()
	content := make([]byte, 0, f.Size()+1) // one more octet, to detect the end
	for {
		n, err := f.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		switch {
		case errors.Is(err, io.EOF):
			return content, f.Identity(), nil
		case err != nil:
			return nil, Identity{}, err
		case len(content) == cap(content):
			content = append(content, 0)[:len(content)]
		}
	}
}
