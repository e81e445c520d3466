package download

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzAListIsJudgedAlikeHoweverItArrives reads a text in one piece, octet by octet, and
// in pieces that arrive with the end of the body.
func FuzzAListIsJudgedAlikeHoweverItArrives(f *testing.F) {
	for _, text := range []string{first, strings.Repeat("x", 200), strings.Repeat("x", 201), "\n\n\n", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const most = 200
		good := len(text) <= most
		for _, from := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			b := &bounded{from: from, left: most}
			got, err := io.ReadAll(b)
			if (err == nil) != good || good && (string(got) != text || b.complete() != nil || !errors.Is(b.err, io.EOF)) {
				t.Errorf("%q: got %q, %v, want good %v", text, got, err, good)
			}
			if good && text != "" && b.last != text[len(text)-1] {
				t.Errorf("%q: its last octet is %q", text, b.last)
			}
		}
	})
}
