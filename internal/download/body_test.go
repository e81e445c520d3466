package download

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

// directives are lines that make many records, as the parser sees them.
var directives = regexp.MustCompile(`(?im)^[ \t\r]*\$\r*G\r*E\r*N\r*E\r*R\r*A\r*T\r*E`)

// FuzzAListIsJudgedAlikeHoweverItArrives reads a text in one piece, octet by octet, and in
// pieces that come with the end.
func FuzzAListIsJudgedAlikeHoweverItArrives(f *testing.F) {
	for _, text := range []string{first, "$GENERATE 1-9 x$ CNAME .", "a CNAME .\n \t$gene\rrate 1-2 x$ A 192.0.2.1\n", "$GENERAT\n$$GENERATE\nx $GENERATE", "\n\n\n", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "ſK") { // which regexp folds to S and K
			return
		}
		most := limits{octets: 200, lines: 5}
		good := len(text) <= most.octets && strings.Count(text, "\n") <= most.lines && !directives.MatchString(text)
		for _, from := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			b := &bounded{from: from, left: most}
			got, err := io.ReadAll(b)
			if (err == nil) != good || good && (string(got) != text || b.complete() != nil || !errors.Is(b.err, io.EOF)) {
				t.Errorf("%q: %q, %v, want good %v", text, got, err, good)
			}
		}
	})
}
