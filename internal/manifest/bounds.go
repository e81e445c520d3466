package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/internal/federation"
)

// What a file may have. The YAML library makes some hundred octets of every value, and
// compares each key of a mapping with every other.
const (
	// maxDocuments bounds the documents of one file.
	maxDocuments = 1 << 20
	// maxValues bounds the values of one document, as their marks count them: a List of
	// 30,000 functions has half as many.
	maxValues = 4 << 20
	// maxObjectValues bounds those of one object: the API server's own limit is 3 MiB.
	maxObjectValues = 1 << 18
	// maxKeys bounds the keys of one mapping of an object.
	maxKeys = 1 << 12
)

// unfit returns the fault of a file that is not read at all: one that is not text, or has
// more than its bounds.
func unfit(path string, data []byte) *federation.Fault {
	fault := func(at int, reason string) *federation.Fault {
		return &federation.Fault{File: path, Line: 1 + bytes.Count(data[:at], []byte("\n")), Reason: reason}
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return fault(at, "is not text: it has a NUL octet")
	}
	if at := notUTF8(data); at >= 0 {
		return fault(at, "is not text: it is not UTF-8")
	}
	documents, values, at := 1, 0, 0
	for line := range bytes.Lines(data) {
		if begins(line) {
			documents, values = documents+1, 0
		}
		values += marks(line)
		switch {
		case documents > maxDocuments:
			return fault(at, fmt.Sprintf("has more than %d documents: use several files", maxDocuments))
		case values > maxValues:
			return fault(at, fmt.Sprintf("has more than %d values in one document: use several documents or files", maxValues))
		}
		at += len(line)
	}
	return nil
}

// begins reports whether a document begins with the line. A key may begin as its mark does.
func begins(line []byte) bool {
	rest, marked := bytes.CutPrefix(line, []byte("---"))
	return marked && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\r\n"))
}

// notUTF8 returns where the text stops to be UTF-8, -1 for nowhere.
func notUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
}

// marks returns at least how many values a line adds, and about twice as many for most.
func marks(line []byte) int {
	n := 1
	for _, b := range line {
		switch b {
		case ',', '[', '{', ':', '-', '?':
			n++
		}
	}
	return n
}

// bound returns an error for an object that has more than its bounds, or a key twice.
func bound(object *yaml.Node) error {
	left := maxObjectValues
	if !count(object, &left) {
		return fmt.Errorf("has more than %d values, and no API server takes one that has", maxObjectValues)
	}
	return boundMappings(object)
}

// count takes the values of a node from those that are left, and reports whether that many
// were.
func count(node *yaml.Node, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	for _, child := range node.Content {
		if !count(child, left) {
			return false
		}
	}
	return true
}

// boundMappings returns an error for a mapping that has more keys than it may, or one
// twice. It follows no alias.
func boundMappings(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode {
		if err := boundKeys(node); err != nil {
			return err
		}
	}
	for _, child := range node.Content {
		if err := boundMappings(child); err != nil {
			return err
		}
	}
	return nil
}

func boundKeys(mapping *yaml.Node) error {
	if n := len(mapping.Content) / 2; n > maxKeys {
		return fmt.Errorf("a mapping on line %d has more than %d keys", mapping.Line, maxKeys)
	}
	lines := make(map[string]int, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if line, twice := lines[key.Value]; twice {
			return fmt.Errorf("%s is given twice, on lines %d and %d", called(key.Value), line, key.Line)
		}
		lines[key.Value] = key.Line
	}
	return nil
}

// fieldName is what fields of objects and annotations of Nearcast look like; a message has
// nothing else of a file, which may be a link to one with a secret in it.
var fieldName = regexp.MustCompile(`^([a-z][A-Za-z]{0,30}|nearcast\.dev/[a-z.-]{1,60})$`)

func called(key string) string {
	if fieldName.MatchString(key) {
		return "the key " + key
	}
	return "a key"
}

// quoted is what the libraries repeat of a file.
var quoted = regexp.MustCompile("(?s)`[^`]*`|\"(?:[^\"\\\\]|\\\\.)*\"|anchor '.*?'")

// discreet returns a library's message without what it repeats of a file.
func discreet(text string) string {
	if strings.HasPrefix(text, "parsing time ") {
		return "a time is expected, such as 2026-01-10T08:00:00Z"
	}
	return quoted.ReplaceAllStringFunc(text, func(q string) string {
		switch {
		case q[0] == '"' && fieldName.MatchString(q[1:len(q)-1]):
			return q
		case q[0] == 'a':
			return "anchor"
		}
		return "a value"
	})
}
