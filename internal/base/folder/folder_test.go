package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingFoldersAreMadeForTheirOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second time it is there
		if err := Make(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, made := range []string{path, filepath.Dir(path)} {
		if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", made, info.Mode(), err)
		}
	}
}

func TestAFolderThatCannotBeMadeSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "state")
	err := Make(path)
	if err == nil || !strings.Contains(err.Error(), "cannot create the directory "+path+": ") || !strings.Contains(err.Error(), "or use another one") {
		t.Error(err)
	}
}
