package manifest

import (
	"bytes"
	"path/filepath"
	"strings"
)

// packed are formats in which files are compressed or archived: by the ends of their
// names, and by what stands at an offset of their content.
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

// Compressed returns the format in which a file is compressed or archived, and false
// where it is neither. The content may be the file's beginning, or nil for none.
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

// Decompress is what to do with a file that is compressed.
func Decompress(format string) string {
	if format == "tar" || format == "zip" {
		return "is an archive (" + format + "); unpack it"
	}
	return "is compressed (" + format + "); decompress it"
}
