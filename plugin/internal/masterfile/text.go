package masterfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Text is the text of a zone (RFC 1035, section 5.1), rewritten where the parser and BIND differ. Comments are
// left out. A record in parentheses becomes one line, because the parser would join the words at the ends of its
// lines. A line that ends within a quotation is refused, because it would swallow the lines up to the next
// quotation mark. So is a NUL: a crash can fill the end of a file with NULs. A carriage return ends a line, and a
// last line without an end gets one.
//
// The parser reads octet by octet. When it returns a record, it has read the end of its line, so Line is the
// record's line.
type Text struct {
	in *bufio.Reader
	// Line is the line of the last octet read.
	Line int
	// last is that octet; 0 before the first.
	last byte
	// given is the last octet given to the parser.
	given byte
	// escaped is set after a backslash, quoted within a quotation. digits is how many of an escape's three digits
	// were read, and code their value so far.
	escaped, quoted bool
	digits, code    int
	// depth counts the open parentheses; the first one is on the line opened.
	depth, opened int
	// generates is how many octets of $GENERATE the line of a published list begins with; -1 if it does not. A
	// published list must not use the directive.
	generates int
	published bool
	// Fault is why the text was refused. The parser may report only a consequence.
	Fault error
}

// NewText returns the text of r. A published list must not have the directive $GENERATE.
func NewText(r *bufio.Reader, published bool) *Text {
	t := &Text{in: r, Line: 1, published: published, generates: -1}
	t.give('\n')
	return t
}

// Read is not called for a ByteReader.
func (t *Text) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// ordinary are the octets that almost all of a list consists of, and that have no special meaning.
var ordinary = func() (is [256]bool) {
	for b := range is {
		is[b] = b == '-' || b == '.' || b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	}
	return is
}()

// ReadByte returns the next octet for the parser.
func (t *Text) ReadByte() (byte, error) {
	for t.Fault == nil {
		b, err := t.next()
		if err != nil {
			return t.end(err)
		}
		if ordinary[b] && t.generates < 0 && !t.escaped && t.digits == 0 {
			t.given = b
			return b, nil
		}
		if b, ok := t.translate(b); ok {
			return t.give(b), t.Fault
		}
	}
	return 0, t.Fault
}

// next reads an octet.
func (t *Text) next() (byte, error) {
	b, err := t.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if t.last == '\n' {
		t.Line++
	}
	t.last = b
	return b, nil
}

// translate returns what the parser is given for an octet; false for nothing.
func (t *Text) translate(b byte) (byte, bool) {
	switch {
	case b == 0:
		t.Fault = errors.New("has a NUL octet: the file is damaged")
		return 0, false
	case t.escaped, t.digits > 0:
		return b, t.escape(b)
	case b == '\\':
		t.escaped = true
	case b == '"':
		t.quoted = !t.quoted
	case t.quoted && b == '\n':
		t.Fault = errors.New("the line ends inside a quoted string; add the closing quotation mark")
		return 0, false
	case t.quoted:
	case b == ';':
		return t.comment()
	case b == '\n' || b == '\r':
		return t.lineEnd()
	case b == '(' || b == ')':
		return t.parenthesis(b)
	case t.depth > 0 && t.given == '\n' && (b == ' ' || b == '\t'):
		return 0, false // the owner may follow the parenthesis
	}
	return b, true
}

var errEscape = errors.New("a backslash precedes a number that is not three digits from 000 to 255")

// escape takes what follows a backslash: three digits, or any other character (RFC 1035, section 5.1). The parser
// misreads other digits.
func (t *Text) escape(b byte) bool {
	t.escaped = false
	if t.digits == 0 && !digit(b) {
		return true
	}
	t.code = 10*t.code + int(b) - '0'
	if t.digits++; !digit(b) || t.code > 255 {
		t.Fault = errEscape
		return false
	}
	if t.digits == 3 {
		t.digits, t.code = 0, 0
	}
	return true
}

// comment skips a comment, which ends before the end of its line.
func (t *Text) comment() (byte, bool) {
	for {
		b, err := t.next()
		switch {
		case err != nil:
			return 0, false // as the next octet will be
		case b == '\n':
			return t.lineEnd()
		}
	}
}

func (t *Text) lineEnd() (byte, bool) {
	switch {
	case t.depth == 0:
		return '\n', true
	case t.given == '\n':
		return 0, false
	}
	return ' ', true
}

func (t *Text) parenthesis(b byte) (byte, bool) {
	if b == '(' {
		if t.depth++; t.depth == 1 {
			t.opened = t.Line
		}
	} else if t.depth--; t.depth < 0 {
		t.Fault = errors.New("a closing parenthesis has no opening one")
		return 0, false
	}
	return ' ', t.given != '\n'
}

// give notes an octet that the parser is given.
func (t *Text) give(b byte) byte {
	const directive = "$GENERATE"
	switch {
	case b == '\n' && t.published:
		t.generates = 0
	case t.generates >= 0 && upper(b) == directive[t.generates]:
		if t.generates++; t.generates == len(directive) {
			t.Fault = errors.New("has the directive $GENERATE, which is not allowed in published lists")
		}
	default:
		t.generates = -1
	}
	t.given = b
	return b
}

func upper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		b -= 'a' - 'A'
	}
	return b
}

// end ends the last line at the end of the text, except after an unexpected end.
func (t *Text) end(err error) (byte, error) {
	switch {
	case err != io.EOF: //nolint:errorlint // a wrapped EOF is not the end
		t.Fault = err
	case t.digits > 0:
		t.Fault = errEscape
	case t.quoted:
		t.Fault = errors.New("the text ends inside a quoted string")
	case t.depth > 0:
		t.Fault = fmt.Errorf("the parenthesis opened on line %d is not closed", t.opened)
	case t.given != '\n':
		return t.give('\n'), nil
	default:
		return 0, io.EOF
	}
	return 0, t.Fault
}

// Torn reports whether the text ended within a line.
func (t *Text) Torn() bool { return t.last != '\n' }
