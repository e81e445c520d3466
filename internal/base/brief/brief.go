// Package brief shortens and escapes text written by tenants, members and strangers, so
// that it is safe to store and to show in a reason, an Event, a log or a terminal. It
// keeps no state.
package brief

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Most is the maximum number of octets that Text returns. An Event's note has room for a
// few of these texts, and a hundred thousand functions can hold one each.
const Most = 200

// gap replaces the text that Text leaves out.
const gap = "…"

// tail is how many octets Text keeps of the end, where errors state their cause.
const tail = 64

// Text returns s escaped as by [Escape] and cut to at most [Most] octets; it cuts longer
// text in the middle. The result shares no memory with s, and the cost does not grow with
// the length of s. Text returns its own output unchanged.
func Text(s string) string {
	if len(s) <= Most {
		if escaped := Escape(s); len(escaped) <= Most {
			return strings.Clone(escaped)
		}
	}
	end := last(s, tail)
	return first(s, Most-len(gap)-len(end)) + gap + end
}

// first returns the longest beginning of s that has at most this many octets when
// escaped.
func first(s string, most int) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		one := escape(s[:size], r)
		if b.Len()+len(one) > most {
			break
		}
		b.WriteString(one)
		s = s[size:]
	}
	return b.String()
}

// last is like first, for the end of s.
func last(s string, most int) string {
	text := ""
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		one := escape(s[len(s)-size:], r)
		if len(one)+len(text) > most {
			break
		}
		text = one + text
		s = s[:len(s)-size]
	}
	return text
}

// Escape escapes everything in s that a terminal would execute or that could disguise the
// text: control characters, line ends, characters that change the writing direction or
// have no width, and octets that are not valid UTF-8. It keeps backslashes, so that
// quoted text is not quoted twice.
func Escape(s string) string {
	if isPlain(s) {
		return s
	}
	return first(s, len(s)*longest)
}

// longest is the most octets that one escaped octet takes: \u001b.
const longest = 6

func isPlain(s string) bool {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isShown(r, size) {
			return false
		}
		i += size
	}
	return true
}

// isShown reports whether the rune, which was decoded from size octets, is shown
// unescaped.
func isShown(r rune, size int) bool {
	if r == utf8.RuneError && size == 1 {
		return false
	}
	return unicode.IsPrint(r) && !unicode.Is(blank, r)
}

// blank lists letters and signs that show nothing but count as printable.
var blank = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
	{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
	{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
	{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian selectors and separator
	{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // Braille blank
	{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
	{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
	{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // Hangul filler
}, R32: []unicode.Range32{
	{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}, // variation selectors
}}

// escape returns the rune, which is all of s, as a JSON string writes it, so that JSON
// may be escaped too. Invalid UTF-8 cannot occur in JSON.
func escape(s string, r rune) string {
	switch {
	case isShown(r, len(s)):
		return s
	case r == utf8.RuneError && len(s) == 1:
		return `\x` + hex(uint64(s[0]), 2)
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r <= 0xffff:
		return `\u` + hex(uint64(r), 4)
	}
	high, low := utf16.EncodeRune(r)
	return `\u` + hex(uint64(high), 4) + `\u` + hex(uint64(low), 4)
}

func hex(n uint64, digits int) string {
	text := strconv.FormatUint(n, 16)
	return strings.Repeat("0", digits-len(text)) + text
}

// Writer returns a writer that escapes each line as [Escape] does, keeping tabs, and
// writes it to w. Escaped JSON keeps its meaning. Callers must write whole runes.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	var b strings.Builder
	for text := string(p); text != ""; {
		at := strings.IndexAny(text, "\n\t")
		if at < 0 {
			b.WriteString(Escape(text))
			break
		}
		b.WriteString(Escape(text[:at]))
		b.WriteByte(text[at])
		text = text[at+1:]
	}
	if _, err := io.WriteString(w.to, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
