package download

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
)

// sumOf finds the digest of the file in a text of sha256sum's form, of which `sha256sum
// --tag` and a digest alone are others. A text with one digest is of the one file.
func sumOf(text, file string) (string, error) {
	found := map[string]string{}
	only := ""
	for line := range strings.Lines(text) {
		name, sum := sumLine(strings.TrimRight(line, "\r\n"))
		if sum == "" {
			continue
		}
		if before, twice := found[name]; twice && before != sum {
			return "", fail(Checksum, "the checksum file has two digests of one file")
		}
		found[name], only = sum, sum
	}
	switch sum := found[path.Base(file)]; {
	case sum != "":
		return sum, nil
	case len(found) == 1:
		return only, nil
	case len(found) == 0:
		return "", fail(Checksum, "the checksum file has no SHA-256 digest")
	}
	return "", fail(Checksum, "the checksum file has no digest of %q", path.Base(file))
}

// sumLine returns the name, without its folders, and the digest of a line; "" where it
// has none.
func sumLine(line string) (name, sum string) {
	if tagged, ok := strings.CutPrefix(line, "SHA256 ("); ok {
		if at := strings.LastIndex(tagged, ") = "); at >= 0 {
			return path.Base(tagged[:at]), digest(tagged[at+len(") = "):])
		}
		return "", ""
	}
	sum, name, _ = strings.Cut(strings.TrimSpace(line), " ")
	name = strings.TrimPrefix(strings.TrimSpace(name), "*") // of a file read as binary
	return path.Base(name), digest(sum)
}

// digest returns the digest as it is compared, "" for what is none.
func digest(text string) string {
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != sha256.Size {
		return ""
	}
	return strings.ToLower(text)
}
