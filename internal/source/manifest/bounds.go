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

// The limits of a file. The YAML library uses some hundred octets for every value, and
// compares each key of a mapping with every other.
const (
	// maxDocuments bounds the documents of one file.
	maxDocuments = 1 << 20
	// maxValues bounds the values of one document, as marks counts them: a List of 30,000
	// functions has half as many.
	maxValues = 4 << 20
	// maxObjectValues bounds the values of one object: the API server's own limit is 3
	// MiB.
	maxObjectValues = 1 << 18
	// maxKeys bounds the keys of one mapping of an object.
	maxKeys = 1 << 12
)

// unfit returns the fault of a file that is not read at all because it is not text or
// exceeds the limits.
func unfit(path string, data []byte) *federation.Fault {
	fault := func(at int, reason string) *federation.Fault {
		return &federation.Fault{File: path, Line: 1 + bytes.Count(data[:at], []byte("\n")), Reason: reason}
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return fault(at, "is not text: it contains a NUL octet")
	}
	if at := notUTF8(data); at >= 0 {
		return fault(at, "is not text: it is not UTF-8")
	}
	documents := 1
	for at, end := 0, 0; at < len(data); at = end {
		if begins(data[at:]) {
			documents++
		}
		end = nextDocument(data, at)
		switch text := data[at:end]; {
		case documents > maxDocuments:
			return fault(at, fmt.Sprintf("has more than %d documents: use several files", maxDocuments))
		case marks(text) > maxValues:
			return fault(at+exceeds(text), fmt.Sprintf("has more than %d values in one document: use several documents or files", maxValues))
		}
	}
	return nil
}

// exceeds returns where the line begins that has one value too many for a document.
func exceeds(document []byte) (at int) {
	values := 0
	for line := range bytes.Lines(document) {
		if values += marks(line); values > maxValues {
			break
		}
		at += len(line)
	}
	return at
}

// begins reports whether a document begins with the line. A key may start with the same
// characters as the marker.
func begins(line []byte) bool {
	rest, marked := bytes.CutPrefix(line, []byte("---"))
	return marked && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\r\n"))
}

// notUTF8 returns the position of the first invalid UTF-8, or -1 if there is none.
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

// indicators are what most values begin or end with.
var indicators = [][]byte{[]byte("\n"), []byte(","), []byte("["), []byte("{"), []byte(":"), []byte("-"), []byte("?")}

// marks returns a lower bound of the values that lines add; it is about twice their number
// for most lines.
func marks(lines []byte) (n int) {
	if len(lines) > 0 && lines[len(lines)-1] != '\n' {
		n = 1
	}
	for _, indicator := range indicators {
		n += bytes.Count(lines, indicator)
	}
	return n
}

// bound returns an error for an object that exceeds the limits or has a key twice.
func bound(object *yaml.Node) error {
	left := maxObjectValues
	if !count(object, &left) {
		return fmt.Errorf("has more than %d values, which no API server accepts", maxObjectValues)
	}
	return boundMappings(object)
}

// count subtracts the values of a node from those left, and reports whether enough were
// left.
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

// boundMappings returns an error for a mapping that has too many keys, or one twice. It
// does not follow aliases.
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
	if first, second := twice(mapping); second != nil {
		return fmt.Errorf("%s is given twice, on lines %d and %d", called(second.Value), first.Line, second.Line)
	}
	return nil
}

// fewKeys is how many keys are compared with each other faster than they are put into a
// map.
const fewKeys = 16

// twice returns the first key that a mapping has twice; nil if it has none.
func twice(mapping *yaml.Node) (first, second *yaml.Node) {
	if len(mapping.Content) > 2*fewKeys {
		return twiceOfMany(mapping)
	}
	for i := 2; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		for j := 0; j < i; j += 2 {
			if other := mapping.Content[j]; key.Value == other.Value && key.Kind == yaml.ScalarNode && other.Kind == yaml.ScalarNode {
				return other, key
			}
		}
	}
	return nil, nil
}

func twiceOfMany(mapping *yaml.Node) (first, second *yaml.Node) {
	keys := make(map[string]*yaml.Node, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if other := keys[key.Value]; other != nil {
			return other, key
		}
		keys[key.Value] = key
	}
	return nil, nil
}

// fieldName matches names of object fields and of Nearcast's annotations. A message
// repeats nothing else of a file, which may be a link to one with a secret in it.
var fieldName = regexp.MustCompile(`^([a-z][A-Za-z]{0,30}|nearcast\.dev/[a-z.-]{1,60})$`)

func called(key string) string {
	if fieldName.MatchString(key) {
		return "the key " + key
	}
	return "a key"
}

// quoted matches the parts of a file that the libraries repeat in messages.
var quoted = regexp.MustCompile("(?s)`[^`]*`|\"(?:[^\"\\\\]|\\\\.)*\"|anchor '.*?'")

// discreet returns a library's message without the parts that it repeats of a file.
func discreet(text string) string {
	if strings.HasPrefix(text, "parsing time ") {
		return "is not a time such as 2026-01-10T08:00:00Z"
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
