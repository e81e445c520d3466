package download

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strings"
)

// sumOf finds the digest of the file at the path of a URL in a text in the format of sha256sum. `sha256sum --tag`,
// `openssl dgst` and a single digest are other forms that it reads. Of files with the same name in different
// directories, it takes the one whose directories match best. In a text with one digest, that is the file's.
func sumOf(text, file string) (string, error) {
	var sums []string // of the files that match best
	all, best := map[string]bool{}, 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		name, sum := sumLine(strings.TrimRight(line, "\r\n"))
		if sum == "" {
			continue
		}
		all[name+" "+sum] = true
		switch n := alike(name, file); {
		case n > best:
			best, sums = n, []string{sum}
		case n == best && n > 0 && !slices.Contains(sums, sum):
			sums = append(sums, sum)
		}
	}
	switch {
	case len(sums) > 1:
		return "", fail(Checksum, "the checksum file has two digests for %q", path.Base(file))
	case len(sums) == 1:
		return sums[0], nil
	case len(all) == 0:
		return "", fail(Checksum, "the checksum file has no SHA-256 digest")
	case len(all) > 1:
		return "", fail(Checksum, "the checksum file has no digest for %q", path.Base(file))
	}
	for only := range all {
		sums = append(sums, only[strings.LastIndex(only, " ")+1:])
	}
	return sums[0], nil
}

// alike counts the trailing names that two paths have in common.
func alike(a, b string) (n int) {
	x, y := strings.Split(path.Clean("/"+a), "/"), strings.Split(path.Clean("/"+b), "/")
	for n < len(x)-1 && n < len(y)-1 && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

// tagged matches a line of `sha256sum --tag` or of openssl.
var tagged = regexp.MustCompile(`^SHA(?:2-)?256 ?\((.*)\) ?= ?(\S+)$`)

// sumLine returns the name and the digest of a line; "" if it has none.
func sumLine(line string) (name, sum string) {
	if t := tagged.FindStringSubmatch(line); t != nil {
		return t[1], digest(t[2])
	}
	line = strings.TrimPrefix(strings.TrimSpace(line), `\`) // before an escaped name
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return "", digest(line)
	}
	return strings.TrimPrefix(strings.TrimSpace(line[at:]), "*"), digest(line[:at]) // * marks a file read as binary
}

// digest returns the digest in the form that is compared, or "" if it is not one.
func digest(text string) string {
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != sha256.Size {
		return ""
	}
	return strings.ToLower(text)
}
