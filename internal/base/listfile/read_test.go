package listfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func odd(n int) error {
	if n%2 == 0 {
		return errors.New("is even")
	}
	return nil
}

// TestWhatIsGoodOfADamagedListIsKept and the rest named and set aside, with what it had.
func TestWhatIsGoodOfADamagedListIsKept(t *testing.T) {
	for text, c := range map[string]struct {
		want []int
		says string
	}{
		"[1, 3]\n": {[]int{1, 3}, ""}, "[]": {nil, ""}, "null": {nil, ""},
		"":                 {nil, "is not a JSON array"},
		"\x00\x00\x00":     {nil, "is not a JSON array"},
		"{}":               {nil, "is not a JSON array"},
		"[1, 3":            {[]int{1, 3}, "ends before the end of the array"},
		"[1, 3,":           {[]int{1, 3}, "entry 3: EOF"},
		"[1, 3, \"a":       {[]int{1, 3}, "entry 3: unexpected EOF"},
		"[1, 2, 3, \"x\"]": {[]int{1, 3}, "entry 2: is even"},
		"[1, null, 3]":     {[]int{1, 3}, "entry 2: is null"},
		"[1] [3]":          {[]int{1}, "has data after the array"},
		"[1, 3]\x00":       {[]int{1, 3}, "has data after the array"},
	} {
		path := filepath.Join(t.TempDir(), "list.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(path, odd)
		if !slices.Equal(got, c.want) || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), path+": "+c.says) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		aside, missing := os.ReadFile(path + damaged)
		if (missing == nil) != (c.says != "") || missing == nil && string(aside) != text {
			t.Errorf("%q: set aside is %q, %v", text, aside, missing)
		}
		if again, err := read(path, odd); c.says != "" && (again != nil || err != nil) {
			t.Errorf("%q: then %v, %v", text, again, err)
		}
	}
}

// TestAListThatIsNoRegularFileIsNamed: neither a folder nor a pipe holds up the start.
func TestAListThatIsNoRegularFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.json")
	if got, err := read(path, odd); got != nil || err != nil {
		t.Errorf("missing: %v, %v", got, err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := read(path, odd); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a folder: %v", err)
	}
}
