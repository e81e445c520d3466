package manifest

import (
	"bytes"
	"path/filepath"
	"strings"
)

// packed lists formats of compressed files and archives: the suffixes of their names, and
// the bytes at an offset of their content.
var packed = []struct {
	name       string
	extensions []string
	magic      string
	at         int
}{
	{"gzip", []string{".gz", ".tgz"}, "\x1f\x8b", 0},
	{"zstd", []string{".zst"}, "\x28\xb5\x2f\xfd", 0},
	{"xz", []string{".xz", ".txz"}, "\xfd7zXZ\x00", 0},
	{"bzip2", []string{".bz2", ".tbz2"}, "BZh", 0},
	{"zip", []string{".zip"}, "PK\x03\x04", 0},
	{"tar", []string{".tar"}, "ustar", 257},
}

// Compressed returns the compression or archive format of a file, and false if it has
// none. The content may be only the beginning of the file, or nil if it is not known.
func Compressed(path string, content []byte) (format string, yes bool) {
	extension := strings.ToLower(filepath.Ext(path))
	for _, p := range packed {
		if len(content) > p.at && bytes.HasPrefix(content[p.at:], []byte(p.magic)) {
			return p.name, true
		}
	}
	for _, p := range packed {
		for _, e := range p.extensions {
			if e == extension {
				return p.name, true
			}
		}
	}
	return "", false
}

// Decompress says what to do with a compressed file.
func Decompress(format string) string {
	if format == "tar" || format == "zip" {
		return "is an archive (" + format + "); unpack it"
	}
	return "is compressed (" + format + "); decompress it"
}
