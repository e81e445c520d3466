package plainyaml

import "go.yaml.in/yaml/v3"

// flow reads the flow mapping or sequence that begins here and ends on this line; nil if it
// is not plain.
func (p *Parser) flow() *yaml.Node {
	if p.depth++; p.depth > mostDepth {
		return nil
	}
	n, end := p.nodes.node(yaml.SequenceNode, yaml.FlowStyle, "!!seq", "", p.line), byte(']')
	if p.text[p.pos] == '{' {
		n.Kind, n.Tag, end = yaml.MappingNode, "!!map", '}'
	}
	p.pos++
	mark := p.nodes.mark()
	for first := true; ; first = false {
		p.spaces()
		if p.pos == len(p.text) {
			return nil
		}
		if first && p.text[p.pos] == end {
			break
		}
		if end == '}' && !p.flowKey() || !p.flowValue() {
			return nil
		}
		p.spaces()
		if p.pos == len(p.text) {
			return nil
		}
		if p.text[p.pos] == end {
			break
		}
		if p.text[p.pos] != ',' {
			return nil
		}
		p.pos++
	}
	p.pos++
	p.depth--
	n.Content = p.nodes.since(mark)
	return n
}

// flowKey reads a key and the spaces behind it; false if it is not plain.
func (p *Parser) flowKey() bool {
	from := p.pos
	key := p.flowScalar()
	if !p.isKey(key, from) {
		return false
	}
	p.nodes.push(key)
	if p.pos++; key.Style == 0 && !p.blankAt(p.pos) {
		return false // the colon is part of the scalar
	}
	p.spaces()
	return p.pos < len(p.text)
}

// flowValue reads a value or an entry; false if it is not plain.
func (p *Parser) flowValue() bool {
	var n *yaml.Node
	switch p.text[p.pos] {
	case '{', '[':
		n = p.flow()
	default:
		n = p.flowScalar()
	}
	if n == nil {
		return false
	}
	p.nodes.push(n)
	return true
}

func (p *Parser) flowScalar() *yaml.Node {
	if c := p.text[p.pos]; c == '"' || c == '\'' {
		return p.quoted()
	}
	from := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case inWord[c], c == ' ' && p.pos+1 < len(p.text) && inWord[p.text[p.pos+1]]:
		case c == ':' && p.pos+1 < len(p.text) && inWord[p.text[p.pos+1]]:
		default:
			return p.scalar(p.text[from:p.pos])
		}
		p.pos++
	}
	return nil
}
