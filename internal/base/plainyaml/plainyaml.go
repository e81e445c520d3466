// Package plainyaml parses plain YAML, as kubectl and most people write it, into the nodes
// that go.yaml.in/yaml/v3 makes of it, in a tenth of the time. Of any other YAML it says so,
// and the library must parse it: this package reports no errors and accepts nothing that
// the library does not read in the same way.
//
// A plain document is a block mapping of block mappings and sequences, of flow mappings and
// sequences within one line, and of scalars: plain and quoted ones within one line, and
// literal ones. It is printable ASCII, and has no anchors, aliases, tags, directives,
// timestamps, keys that are not strings, nor comments below its first key.
package plainyaml

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// Parser parses documents, and reuses its memory for the next. The zero Parser is ready. It
// must not be used concurrently.
type Parser struct {
	text []byte
	pos  int // of the next octet
	line int // of pos, from 1
	// start is where the line begins, and column where its content or the current
	// entry of a sequence does; -1 at the end of the text.
	start, column int
	depth         int

	nodes   nodes
	recent  recent
	scratch []byte // of the scalar that is being read
}

// mostDepth bounds how deep collections nest. The deepest Kubernetes object has some
// twenty levels.
const mostDepth = 100

// Parse returns the root of a document whose first line has the given number; nil if the
// document is empty. It returns false if the document is not plain. The text may begin with
// a document marker ("---"). Nodes have the fields Kind, Style, Tag, Value, Content and Line,
// and are valid until the next call; their strings remain valid.
func (p *Parser) Parse(text []byte, line int) (root *yaml.Node, plain bool) {
	if !printable(text) {
		return nil, false
	}
	p.text, p.pos, p.line, p.start, p.column, p.depth = text, 0, line, 0, 0, 0
	p.nodes.reset()
	if !p.begin() {
		return nil, false
	}
	if p.column < 0 {
		return nil, true
	}
	root = p.mapping(p.column)
	p.text = nil
	return root, root != nil && p.column < 0
}

// printable reports whether the text consists of printable ASCII characters and line
// breaks.
func printable(text []byte) bool {
	for i, c := range text {
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			continue
		}
		return false
	}
	return true
}

// begin moves to the first line with content. It returns false if there is text behind the
// document marker.
func (p *Parser) begin() bool {
	if bytes.HasPrefix(p.text, []byte("---")) {
		p.pos = 3
		p.spaces()
		if !p.atBreak() {
			return false
		}
		p.next()
	} else {
		p.indent()
	}
	for p.column >= 0 && p.text[p.pos] == '#' {
		if p.pos = p.lineEnd(); p.pos == len(p.text) {
			p.column = -1
			return true
		}
		p.next()
	}
	return true
}

// next moves from the end of a line to the first content of a line below.
func (p *Parser) next() {
	if p.pos == len(p.text) {
		p.column = -1
		return
	}
	p.pos++
	p.line++
	p.indent()
}

// indent moves from the start of a line to the first content there or below.
func (p *Parser) indent() {
	for {
		p.start = p.pos
		p.spaces()
		if p.pos == len(p.text) {
			p.column = -1
			return
		}
		if !p.atBreak() {
			p.column = p.pos - p.start
			return
		}
		p.pos++
		p.line++
	}
}

// spaces skips spaces.
func (p *Parser) spaces() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
}

// atBreak reports whether the line ends here, and skips a carriage return.
func (p *Parser) atBreak() bool {
	if p.pos < len(p.text) && p.text[p.pos] == '\r' {
		p.pos++
	}
	return p.pos == len(p.text) || p.text[p.pos] == '\n'
}

// lineEnd returns where the line ends: at its line feed, or at the end of the text.
func (p *Parser) lineEnd() int {
	if n := bytes.IndexByte(p.text[p.pos:], '\n'); n >= 0 {
		return p.pos + n
	}
	return len(p.text)
}

// blankAt reports whether a space, a line break or the end of the text is at a position.
func (p *Parser) blankAt(pos int) bool {
	return pos >= len(p.text) || p.text[pos] == ' ' || p.text[pos] == '\n' || p.text[pos] == '\r'
}
