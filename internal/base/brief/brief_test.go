package brief

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

func TestWhatATerminalWouldExecuteIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"connection refused":       "connection refused",
		"größer als 5 µs – 日本語 🙂":  "größer als 5 µs – 日本語 🙂",
		`C:\x and "%q"`:            `C:\x and "%q"`,
		"\x1b]0;owned\a\x1b[31m":   `\u001b]0;owned\u0007\u001b[31m`,
		"one\r\ntwo\tthree\x00":    `one\r\ntwo\tthree\u0000`,
		"\x7f\u009b31m\u0085":      `\u007f\u009b31m\u0085`,
		"a\u202eb\u2066c\u200fd":   `a\u202eb\u2066c\u200fd`,
		"\u200b\u200d\ufeff\u2060": `\u200b\u200d\ufeff\u2060`,
		"\u00ad\u3164\ufe0f":       `\u00ad\u3164\ufe0f`,
		"\u2028\u2029\u00a0":       `\u2028\u2029\u00a0`,
		"\xff\xc3\x28\xed\xa0\x80": `\xff\xc3(\xed\xa0\x80`,
		"\U000e0041":               `\udb40\udc41`,
		"\ufffd":                   "\ufffd",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%+q is %s, want %s", in, got, want)
		}
	}
}

func TestATextKeepsItsTwoEnds(t *testing.T) {
	got := Text("not applied: " + strings.Repeat("x", 1<<20) + ": quota exceeded")
	if len(got) != Most || !strings.HasPrefix(got, "not applied: x") || !strings.HasSuffix(got, "x: quota exceeded") || strings.Count(got, gap) != 1 {
		t.Errorf("%d octets: %s", len(got), got)
	}
	if exact := strings.Repeat("ä", Most/2); Text(exact) != exact {
		t.Errorf("%d octets were cut to %s", len(exact), Text(exact))
	}
	if got := Text(strings.Repeat("\xff", 60)); len(got) > Most {
		t.Errorf("the escaped text has %d octets", len(got))
	}
}

// TestATextRetainsNothing: a reason is a few octets of a large buffer.
func TestATextRetainsNothing(t *testing.T) {
	whole := strings.Repeat("header ", 1<<10)
	for _, part := range []string{whole[:10], whole} {
		if got := Text(part); pointsInto(got, whole) {
			t.Errorf("%q shares the memory of its source", got)
		}
	}
}

// TestALongTextCostsWhatAShortOneDoes: untrusted text is cut before it is escaped.
func TestALongTextCostsWhatAShortOneDoes(t *testing.T) {
	short, long := strings.Repeat("\xff", 1<<10), strings.Repeat("\xff", 8<<20)
	cost := func(s string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			Text(s)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if few, many := cost(short), cost(long); many > 2*few {
		t.Errorf("%d octets are allocated for a long text, %d for a short one", many, few)
	}
}

func TestAWriterKeepsLinesAndColumns(t *testing.T) {
	var b bytes.Buffer
	in := "NAME\tWHY\nde-wide\t\x1b[2Jgone\r\n"
	if n, err := Writer(&b).Write([]byte(in)); n != len(in) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if want := "NAME\tWHY\nde-wide\t" + `\u001b[2Jgone\r` + "\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// TestJSONMeansWhatItDid: -o json also goes through a Writer.
func TestJSONMeansWhatItDid(t *testing.T) {
	in := "\x1b[31m\x7f\u009b\u202e\U000e0041\u2028 \"quoted\" \\ and\n"
	var b bytes.Buffer
	if err := json.NewEncoder(Writer(&b)).Encode(in); err != nil {
		t.Fatal(err)
	}
	if !isPlain(strings.TrimSuffix(b.String(), "\n")) {
		t.Errorf("%q would be executed", b.String())
	}
	var out string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out != in {
		t.Errorf("%q, %v; want %q", out, err, in)
	}
}

func FuzzText(f *testing.F) {
	f.Add("timed out")
	f.Add("\x1b]0;owned\a\u202e\xff")
	f.Add(strings.Repeat("\u200b", 100) + "end")
	f.Add(strings.Repeat("日", 66) + "\xe6\x97")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if len(got) > Most || !utf8.ValidString(got) {
			t.Fatalf("%d octets: %q", len(got), got)
		}
		if again := Text(got); again != got {
			t.Fatalf("%q becomes %q", got, again)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Join_Control, unicode.Bidi_Control) {
				t.Fatalf("%q has %U", got, r)
			}
		}
		if isPlain(s) && len(s) <= Most && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// pointsInto reports whether the string is within the memory of another.
func pointsInto(s, whole string) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(whole)))
	return at >= from && at < from+uintptr(len(whole))
}
