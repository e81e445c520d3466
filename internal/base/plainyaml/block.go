package plainyaml

import "go.yaml.in/yaml/v3"

// The functions of this file return nil if the text is not plain. Otherwise they leave the
// parser at the first content below what they read.

// mapping reads the block mapping whose first key is here, in the given column.
func (p *Parser) mapping(column int) *yaml.Node {
	if p.depth++; p.depth > mostDepth {
		return nil
	}
	n := p.nodes.node(yaml.MappingNode, 0, "!!map", "", p.line)
	mark := p.nodes.mark()
	for p.column == column && !p.atEntry() {
		key := p.key()
		if key == nil {
			return nil
		}
		value := p.value(column)
		if value == nil {
			return nil
		}
		p.nodes.push(key)
		p.nodes.push(value)
	}
	p.depth--
	if n.Content = p.nodes.since(mark); p.column > column || len(n.Content) == 0 {
		return nil
	}
	return n
}

// atEntry reports whether an entry of a sequence begins here.
func (p *Parser) atEntry() bool { return p.text[p.pos] == '-' && p.blankAt(p.pos+1) }

// value reads the value of a key that is in the given column.
func (p *Parser) value(column int) *yaml.Node {
	line := p.line
	p.spaces()
	if !p.atBreak() {
		return p.inline(column)
	}
	p.next()
	switch {
	case p.column > column:
		return p.block()
	case p.column == column && p.atEntry():
		return p.sequence(column)
	}
	return p.null(line)
}

// block reads the collection that begins here.
func (p *Parser) block() *yaml.Node {
	if p.atEntry() {
		return p.sequence(p.column)
	}
	return p.mapping(p.column)
}

// sequence reads the block sequence whose first entry is here, in the given column.
func (p *Parser) sequence(column int) *yaml.Node {
	if p.depth++; p.depth > mostDepth {
		return nil
	}
	n := p.nodes.node(yaml.SequenceNode, 0, "!!seq", "", p.line)
	mark := p.nodes.mark()
	for p.column == column && p.atEntry() {
		p.pos++
		entry := p.entry(column)
		if entry == nil {
			return nil
		}
		p.nodes.push(entry)
	}
	p.depth--
	if n.Content = p.nodes.since(mark); p.column > column {
		return nil
	}
	return n
}

// entry reads an entry of the sequence in the given column, behind its "-".
func (p *Parser) entry(column int) *yaml.Node {
	line := p.line
	p.spaces()
	if p.atBreak() {
		if p.next(); p.column > column {
			return p.block()
		}
		return p.null(line)
	}
	if p.atEntry() || p.atKey() {
		p.column = p.pos - p.start
		return p.block()
	}
	return p.inline(column)
}

// inline reads a value that begins on the line of its key or of its entry's "-", which is in
// the given column.
func (p *Parser) inline(column int) *yaml.Node {
	var n *yaml.Node
	switch p.text[p.pos] {
	case '{', '[':
		n = p.flow()
	case '|':
		n = p.literal(column)
	case '"', '\'':
		n = p.quoted()
	default:
		n = p.plain()
	}
	if n == nil {
		return nil
	}
	p.spaces()
	if !p.atBreak() {
		return nil
	}
	if p.next(); p.column > column {
		return nil // the next line continues the value, or is a fault
	}
	return n
}

func (p *Parser) null(line int) *yaml.Node {
	return p.nodes.node(yaml.ScalarNode, 0, "!!null", "", line)
}
