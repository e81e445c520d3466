package manifest

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/internal/base/plainyaml"
	"github.com/nearcast/nearcast/internal/federation"
)

// section is a part of a file that begins with a document: its text, and the number of its
// first line.
type section struct {
	text []byte
	line int
}

// parseYAML reads the documents of a file.
func parseYAML(path string, data []byte) (file, *federation.Fault) {
	return parseSections(path, data, sections(data, sectionSize))
}

// parseSections reads several sections of a file at a time; the result is that of reading
// one document after the other.
func parseSections(path string, data []byte, all []section) (file, *federation.Fault) {
	parts := make([]file, len(all))
	if inParallel(len(all), func(i int) error { return parts[i].parse(path, all[i]) }) == nil {
		return joined(parts), nil
	}
	release := reserve(maxValues)
	defer release()
	var f file
	if err := f.library(path, section{data, 1}); err != nil {
		return file{}, notYAML(path, data, err)
	}
	return f, nil
}

// joined returns the file that consists of the parts.
func joined(parts []file) (f file) {
	n := 0
	for _, part := range parts {
		n += len(part.documents)
	}
	f.documents = make([]document, 0, n)
	for _, part := range parts {
		f.documents = append(f.documents, part.documents...)
		room := min(mostFaults-len(f.faults), len(part.faults))
		f.faults = append(f.faults, part.faults[:room]...)
		f.more += part.more + len(part.faults) - room
	}
	return f
}

// sectionSize is the least size of a section, in octets: some hundred documents take far
// longer than it takes to start reading them.
const sectionSize = 256 << 10

// sections divides a text before document markers into sections of at least the size.
func sections(data []byte, size int) (all []section) {
	line, from := 1, 0
	for at := 0; at < len(data); {
		at = nextDocument(data, at)
		if at-from < size && at < len(data) {
			continue
		}
		all = append(all, section{data[from:at], line})
		line += bytes.Count(data[from:at], []byte("\n"))
		from = at
	}
	return all
}

// nextDocument returns where the next document marker after a position is, or where the
// text ends.
func nextDocument(data []byte, at int) int {
	for {
		n := bytes.Index(data[at:], []byte("\n---"))
		if n < 0 {
			return len(data)
		}
		if at += n + 1; begins(data[at:]) {
			return at
		}
	}
}

// parsers are used again: they have room for objects.
var parsers = sync.Pool{New: func() any { return new(plainyaml.Parser) }}

// parse adds the documents of a section. It returns an error if the YAML library must read
// the whole file.
func (f *file) parse(path string, s section) error {
	release := reserve(marks(s.text))
	defer release()
	parser := parsers.Get().(*plainyaml.Parser)
	defer parsers.Put(parser)
	for _, document := range sections(s.text, 0) {
		document.line += s.line - 1
		root, plain := parser.Parse(document.text, document.line)
		if !plain {
			if err := f.library(path, document); err != nil {
				return err
			}
		} else if root != nil {
			f.add(path, root, typeMeta{})
		}
	}
	return nil
}

// library adds the documents of a section as the YAML library reads them.
func (f *file) library(path string, s section) error {
	decoder := yaml.NewDecoder(bytes.NewReader(s.text))
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(root.Content) != 1 {
			continue
		}
		shift(&root, s.line-1)
		if err := plain(&root); err != nil {
			f.refuse(path, root.Content[0].Line, err)
			continue
		}
		f.add(path, root.Content[0], typeMeta{})
	}
}

// shift adds to the lines of a node and of all below it.
func shift(node *yaml.Node, lines int) {
	node.Line += lines
	for _, child := range node.Content {
		shift(child, lines)
	}
}
