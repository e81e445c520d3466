package plainyaml

import "go.yaml.in/yaml/v3"

// literal reads a literal scalar ("|" or "|-") of a key or entry in the given column; nil if
// it is not plain. It leaves the parser at the end of its last line.
func (p *Parser) literal(column int) *yaml.Node {
	line, strip := p.line, false
	if p.pos++; p.pos < len(p.text) && p.text[p.pos] == '-' {
		strip = true
		p.pos++
	}
	p.spaces()
	if !p.atBreak() || !p.lines(column) {
		return nil
	}
	if strip {
		p.scratch = p.scratch[:len(p.scratch)-1]
	}
	return p.nodes.node(yaml.ScalarNode, yaml.LiteralStyle, "!!str", p.recent.of(p.scratch), line)
}

// lines reads the lines that are indented more than the column, each with its line feed,
// into the scratch. It returns false if there are none, if they begin with an empty one, or
// if only spaces make a difference.
func (p *Parser) lines(column int) bool {
	p.scratch = p.scratch[:0]
	indent, blank := 0, 0
	for p.pos < len(p.text) {
		last, lastLine := p.pos, p.line
		p.pos++
		p.line++
		p.start = p.pos
		p.spaces()
		depth := p.pos - p.start
		if p.atBreak() {
			if p.pos == len(p.text) && depth == 0 {
				p.pos = len(p.text)
				break
			}
			if p.pos == len(p.text) || indent == 0 || depth > indent {
				return false
			}
			blank++
			continue
		}
		if depth <= column || depth < indent {
			p.pos, p.line = last, lastLine
			break
		}
		if indent == 0 {
			indent = depth
		}
		for ; blank > 0; blank-- {
			p.scratch = append(p.scratch, '\n')
		}
		if p.pos = p.lineEnd(); p.pos == len(p.text) {
			return false // without a line feed
		}
		p.scratch = append(append(p.scratch, trimReturn(p.text[p.start+indent:p.pos])...), '\n')
	}
	return indent > 0
}

// trimReturn returns a line without the carriage return at its end.
func trimReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
