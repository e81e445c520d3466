package importing

import (
	"errors"
	"fmt"
	"strings"
)

// parseVSCF reads a configuration of gdnsd: mappings, lists and words. $include is refused: include what it names.
func parseVSCF(file, text string) (*node, error) {
	p := &vscf{text: text, line: 1}
	root, err := p.mapping(&node{line: 1}, 0)
	if err == nil && p.peek() != 0 {
		err = fmt.Errorf("unexpected %q", p.peek())
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file, p.line, err)
	}
	return root, nil
}

// vscf reads its text from the front.
type vscf struct {
	text string
	line int
}

// maxDepth is deeper than any configuration of gdnsd.
const maxDepth = 64

// peek returns the next octet that means something; 0 at the end.
func (p *vscf) peek() byte {
	for p.text != "" {
		switch c := p.text[0]; {
		case c == '\n':
			p.line++
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
		case c == '#' || c == ';':
			end := strings.IndexByte(p.text, '\n')
			if end < 0 {
				end = len(p.text)
			}
			p.text = p.text[end:]
			continue
		default:
			return c
		}
		p.text = p.text[1:]
	}
	return 0
}

// mapping reads members up to a closing brace or the end.
func (p *vscf) mapping(n *node, depth int) (*node, error) {
	n.hash = map[string]*node{}
	for c := p.peek(); c != 0 && c != '}'; c = p.peek() {
		line := p.line
		key, err := p.word()
		if err != nil {
			return nil, err
		}
		if n.hash[key] != nil {
			return nil, fmt.Errorf("the key %q is there twice", key)
		}
		if p.peek() != '=' {
			p.line = line
			return nil, fmt.Errorf("the key %q has no value: write => after it", key)
		}
		p.text = strings.TrimPrefix(p.text[1:], ">")
		value, err := p.value(n.below(key), depth+1)
		if err != nil {
			return nil, err
		}
		n.set(key, value)
	}
	return n, nil
}

// value reads a value.
func (p *vscf) value(path string, depth int) (*node, error) {
	c := p.peek()
	n := &node{path: path, line: p.line}
	switch {
	case depth > maxDepth:
		return nil, fmt.Errorf("more than %d levels", maxDepth)
	case c == '{':
		p.text = p.text[1:]
		if _, err := p.mapping(n, depth); err != nil {
			return nil, err
		}
		return n, p.closed('}')
	case c == '[':
		p.text = p.text[1:]
		n.list = []*node{}
		for c := p.peek(); c != 0 && c != ']'; c = p.peek() {
			e, err := p.value(path, depth+1)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, e)
		}
		return n, p.closed(']')
	}
	word, err := p.word()
	n.text = word
	return n, err
}

func (p *vscf) closed(by byte) error {
	if p.peek() != by {
		return fmt.Errorf("%q is missing", by)
	}
	p.text = p.text[1:]
	return nil
}

// word reads a word, which may be in quotation marks. A backslash takes the next character as it is.
func (p *vscf) word() (string, error) {
	if strings.HasPrefix(p.text, "$include") {
		return "", errors.New("$include is not followed: put the content of the file there")
	}
	quoted := p.peek() == '"'
	if quoted {
		p.text = p.text[1:]
	}
	var b strings.Builder
	for p.text != "" {
		c := p.text[0]
		switch {
		case c == '\\' && len(p.text) > 1:
			p.text = p.text[1:]
			c = p.text[0]
		case quoted && c == '"':
			p.text = p.text[1:]
			return b.String(), nil
		case !quoted && strings.IndexByte(" \t\r\n,=[]{}#;\"", c) >= 0:
			return p.bare(b.String())
		}
		if c == '\n' {
			p.line++
		}
		b.WriteByte(c)
		p.text = p.text[1:]
	}
	if quoted {
		return "", errors.New("a quotation has no end")
	}
	return p.bare(b.String())
}

func (p *vscf) bare(word string) (string, error) {
	if word == "" {
		return "", fmt.Errorf("unexpected %.1q", p.text)
	}
	return word, nil
}
