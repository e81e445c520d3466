package arguments

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

// read parses "plug ARGS... { key ARGS... }", in which the key deep has a block.
func read(c *caddy.Controller) (keys []string, err error) {
	for c.Next() {
		if err := Begins(c, "plug"); err != nil {
			return nil, err
		}
		args, err := Rest(c)
		if err != nil {
			return nil, err
		}
		keys = append(keys, "plug "+strings.Join(args, " "))
		var key func() error
		key = func() error {
			name := c.Val()
			args, err := Rest(c)
			if err != nil {
				return err
			}
			keys = append(keys, strings.TrimSpace(name+" "+strings.Join(args, " ")))
			if name == "deep" {
				_, err = Settings(c, key)
			}
			return err
		}
		if _, err := Settings(c, key); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// TestAnUnexpectedBraceIsNamedWithItsLine checks that the content of the brace is not
// taken as settings of the block around it.
func TestAnUnexpectedBraceIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"plug":                              "[plug ]",
		"plug a b":                          "[plug a b]",
		"plug {\n}":                         "[plug ]",
		"plug a {\nx 1\ny\n}":               "[plug a x 1 y]",
		"plug { x 1\ny\n}":                  "[plug  x 1 y]",
		"plug {\ndeep 1 {\nx\n}\ny\n}":      "[plug  deep 1 x y]",
		"plug {\ndeep 1 {\n}\ny\n}":         "[plug  deep 1 y]",
		"plug\n{\nx\n}":                     "Testfile:2 - Error during parsing: unexpected {: it belongs on the line of plug",
		"plug a\n{\nx\n}":                   "Testfile:2 - Error during parsing: unexpected {: it belongs on the line of plug",
		"plug a{\nx\n}":                     `Testfile:1 - Error during parsing: "a{": a space is missing before the {`,
		"plug {\nx 1 {\ny\n}\n}":            `Testfile:2 - Error during parsing: x: unexpected "{" after it: it has no settings in braces`,
		"plug {\nx {\n}\ny\n}":              `Testfile:2 - Error during parsing: x: unexpected "{" after it`,
		"plug {\nx 1\n{\ny\n}\n}":           "Testfile:3 - Error during parsing: unexpected {: it belongs on the line of the key",
		"plug {\nx 1{\ny\n}\n}":             `Testfile:2 - Error during parsing: "1{": a space is missing before the {`,
		"plug {\nx{\ny\n}\n}":               `Testfile:2 - Error during parsing: "x{": a space is missing before the {`,
		"plug {\ndeep {\nx {\ny\n}\n}\n}":   `Testfile:3 - Error during parsing: x: unexpected "{" after it`,
		"plug {\ndeep\n{\nx\n}\n}":          "Testfile:3 - Error during parsing: unexpected {",
		"plug {\ndeep {\nx\n} y\n}":         `Testfile:4 - Error during parsing: deep: unexpected "y" after it`,
		"plug {\ndeep {\nx 1\n}\n}\nplug a": "[plug  deep x 1 plug a]",
	} {
		keys, err := read(caddy.NewTestController("dns", text))
		got := fmt.Sprint(keys)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s\nwant %s", text, got, want)
		}
	}
}
