package plainyaml

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// inWord has the characters that mean nothing but themselves anywhere in a scalar.
var inWord = func() (all [256]bool) {
	for c := range all {
		all[c] = c >= '0' && c <= '9' || isLetter(byte(c))
	}
	for _, c := range []byte("_-./+~$()=;^") {
		all[c] = true
	}
	return all
}()

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// mostKey bounds a key, in octets. YAML's own limit is 1024 characters.
const mostKey = 512

// atKey reports whether an unquoted key of a block mapping begins here.
func (p *Parser) atKey() bool {
	for i := p.pos; i < len(p.text) && p.text[i] != '\n'; i++ {
		if p.text[i] == ':' && p.blankAt(i+1) {
			return inWord[p.text[p.pos]]
		}
	}
	return false
}

// key reads the key of a block mapping, and its colon; nil if it is not plain.
func (p *Parser) key() *yaml.Node {
	var key *yaml.Node
	from := p.pos
	if c := p.text[p.pos]; c == '"' || c == '\'' {
		key = p.quoted()
	} else {
		for p.pos < len(p.text) && (inWord[p.text[p.pos]] || p.text[p.pos] == ':' && !p.blankAt(p.pos+1)) {
			p.pos++
		}
		key = p.scalar(p.text[from:p.pos])
	}
	if !p.isKey(key, from) || !p.blankAt(p.pos+1) {
		return nil
	}
	p.pos++
	return key
}

// isKey reports whether a scalar that began at a position is a plain key, with a colon
// behind it.
func (p *Parser) isKey(key *yaml.Node, from int) bool {
	return key != nil && key.Tag == "!!str" && p.pos-from <= mostKey && p.pos < len(p.text) && p.text[p.pos] == ':'
}

// plain reads an unquoted scalar to the end of the line; nil if it is not plain.
func (p *Parser) plain() *yaml.Node {
	text := p.text[p.pos:p.lineEnd()]
	for i, c := range text {
		if inWord[c] {
			continue
		}
		if c == '#' || c == ':' && p.blankAt(p.pos+i+1) {
			return nil
		}
	}
	p.pos += len(text)
	return p.scalar(bytes.TrimRight(text, " \r"))
}

// scalar returns the node of an unquoted scalar; nil if it is not plain.
func (p *Parser) scalar(text []byte) *yaml.Node {
	if len(text) == 0 || !inWord[text[0]] || text[0] == '-' && (len(text) == 1 || !inWord[text[1]]) {
		return nil
	}
	value := p.recent.of(text)
	tag := tagOf(value)
	switch tag {
	case "!!str", "!!int", "!!bool", "!!null", "!!float":
		return p.nodes.node(yaml.ScalarNode, 0, tag, value, p.line)
	}
	return nil
}

// tagOf returns the tag that the library gives an unquoted scalar.
func tagOf(value string) string {
	if isLetter(value[0]) {
		switch value {
		case "true", "True", "TRUE", "false", "False", "FALSE":
			return "!!bool"
		case "null", "Null", "NULL":
			return "!!null"
		}
		return "!!str"
	}
	if isCount(value) {
		return "!!int"
	}
	return (&yaml.Node{Kind: yaml.ScalarNode, Value: value}).ShortTag()
}

// isCount reports whether the text is a short decimal number without a sign.
func isCount(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) < 10 && (text[0] != '0' || len(text) == 1)
}

// quoted reads a quoted scalar within this line; nil if it is not plain.
func (p *Parser) quoted() *yaml.Node {
	style, value := yaml.DoubleQuotedStyle, p.doubleQuoted
	if p.text[p.pos] == '\'' {
		style, value = yaml.SingleQuotedStyle, p.singleQuoted
	}
	p.pos++
	text, ok := value()
	if !ok {
		return nil
	}
	return p.nodes.node(yaml.ScalarNode, style, "!!str", p.recent.of(text), p.line)
}

// singleQuoted reads to the closing quote; false if there is none on the line.
func (p *Parser) singleQuoted() ([]byte, bool) {
	from := p.pos
	p.scratch = p.scratch[:0]
	for ; p.pos < len(p.text) && p.text[p.pos] != '\n'; p.pos++ {
		if p.text[p.pos] != '\'' {
			continue
		}
		part := p.text[from:p.pos]
		if p.pos++; p.pos == len(p.text) || p.text[p.pos] != '\'' {
			return p.whole(part), true
		}
		from = p.pos + 1
		p.scratch = append(append(p.scratch, part...), '\'')
	}
	return nil, false
}

// doubleQuoted reads to the closing quote; false if there is none on the line, or a rare
// escape sequence before it.
func (p *Parser) doubleQuoted() ([]byte, bool) {
	from := p.pos
	p.scratch = p.scratch[:0]
	for ; p.pos < len(p.text) && p.text[p.pos] != '\n'; p.pos++ {
		switch p.text[p.pos] {
		case '"':
			p.pos++
			return p.whole(p.text[from : p.pos-1]), true
		case '\\':
			p.scratch = append(p.scratch, p.text[from:p.pos]...)
			if p.pos++; p.pos == len(p.text) {
				return nil, false
			}
			c, known := unescaped(p.text[p.pos])
			if !known {
				return nil, false
			}
			p.scratch = append(p.scratch, c)
			from = p.pos + 1
		}
	}
	return nil, false
}

// whole returns the scratch with the last part of a scalar.
func (p *Parser) whole(last []byte) []byte {
	if len(p.scratch) == 0 {
		return last
	}
	return append(p.scratch, last...)
}

func unescaped(c byte) (byte, bool) {
	switch c {
	case '"', '\\':
		return c, true
	case 'n':
		return '\n', true
	case 't':
		return '\t', true
	}
	return 0, false
}
