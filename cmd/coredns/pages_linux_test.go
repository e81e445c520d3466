package main

import (
	"os"
	"strings"
	"testing"
)

// TestTheProgramIsReadPageByPage asks the kernel what it took in when the test began.
func TestTheProgramIsReadPageByPage(t *testing.T) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	mapped, ours := 0, false
	for line := range strings.Lines(string(smaps)) {
		line = strings.TrimSpace(line)
		switch flags, isFlags := strings.CutPrefix(line, "VmFlags:"); {
		case isFlags && ours:
			if mapped++; !strings.Contains(flags+" ", " rr ") {
				t.Errorf("a part of the program is read with the pages around: %s", flags)
			}
		case strings.HasSuffix(line, " "+path):
			ours = true
		case strings.Contains(line, "-") && !strings.Contains(line, ":  "):
			ours = false
		}
	}
	if mapped < 2 {
		t.Errorf("%d parts of the program are mapped, want its code and its data:\n%s", mapped, smaps)
	}
}
