// Package regular reads files that others may have put where a program looks: what is
// not a regular file is refused before it is opened, an open file is looked at again in
// case it was replaced in between, and no more of it is read than a bound. Its functions
// wait for no other process: not for the writer of a pipe, nor for more of a kernel's log.
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

// ErrNot is wrapped by the errors that refuse what is not a regular file.
var ErrNot = errors.New("is not a regular file; save its content in one")

// ErrLarge is wrapped by the errors that refuse a file which has more than its bound.
var ErrLarge = errors.New("is too large")

// patience bounds one read. A disk's file never waits; some of the kernel's, such as
// /proc/kmsg, say that they are regular and wait for more.
const patience = time.Second

// File is an open regular file.
type File struct {
	file *os.File
	info fs.FileInfo
	most int64
	read int64
}

// Open opens the file at the path, or that a link there leads to, of which at most so
// many octets can be read. An error is an *fs.PathError.
func Open(path string, most int64) (*File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = check(info, most)
	}
	if err != nil {
		return nil, failed(path, err)
	}
	// Without O_NONBLOCK a pipe that has taken the file's place would wait for its writer.
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
	return fmt.Errorf("%w: it has %d octets, and at most %d are read", ErrLarge, size, most)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
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

// Read reads on. What has more than the bound, whatever its size was said to be, is an
// error.
func (f *File) Read(p []byte) (int, error) {
	_ = f.file.SetReadDeadline(time.Now().Add(patience)) // a disk's file has none, and needs none
	n, err := f.file.Read(p)
	if f.read += int64(n); f.read > f.most {
		return 0, failed(f.file.Name(), tooLarge(f.read, f.most))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = failed(f.file.Name(), fmt.Errorf("it waits for its writer, and %w", ErrNot))
	}
	return n, err
}

// Seek is as os.File's. What is read twice counts once.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	at, err := f.file.Seek(offset, whence)
	if err == nil {
		f.read = at
	}
	return at, err
}

// Size returns how many octets the file had when it was opened.
func (f *File) Size() int64 { return f.info.Size() }

// Identity returns what the file was when it was opened.
func (f *File) Identity() Identity { return identityOf(f.info) }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Read reads the whole file at the path, of at most so many octets.
func Read(path string, most int64) ([]byte, error) {
	content, _, err := ReadIdentified(path, most)
	return content, err
}

// ReadIdentified is Read, and returns what the file was when it was opened.
func ReadIdentified(path string, most int64) ([]byte, Identity, error) {
	f, err := Open(path, most)
	if err != nil {
		return nil, Identity{}, err
	}
	defer f.Close()
	content := make([]byte, 0, f.Size()+1) // with room for the end to be seen
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
