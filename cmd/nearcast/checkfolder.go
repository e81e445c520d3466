package main

import (
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/regular"
)

// notReadHere ends the reason of a file that was passed over.
const notReadHere = ", and is not read in a folder of manifests: name it"

// checkFolder checks a folder of manifests, and names what it holds beside them.
func checkFolder(path string, read tally) []finding {
	return append(checkManifests(path, read), passedOver(path)...)
}

// passedOver returns a warning for each file of a folder that has a kind which is read
// elsewhere, and not there. It follows no link.
func passedOver(path string) (warnings []finding) {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // who reads the manifests says so
	}
	_ = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && file != root
		switch {
		case err != nil, hidden && entry.IsDir():
			return fs.SkipDir
		case hidden, !entry.Type().IsRegular(), kindByName(file) == kindManifest:
			return nil
		}
		if what := names[kindOfFile(file)]; what != "" {
			warnings = append(warnings, ofFault(path, federation.Fault{
				Warning: true, File: filepath.Join(path, strings.TrimPrefix(file, root)),
				Reason: "is " + what + notReadHere,
			}))
		}
		return nil
	})
	return warnings
}

// names are what people call kinds of files.
var names = map[fileKind]string{
	kindCorefile:   "a Corefile",
	kindPolicyZone: "a policy zone",
	kindLocations:  "a table of locations",
	kindSpeaker:    "a speaker's configuration",
	kindDatabase:   "a GeoIP database",
}

// kindOfFile returns what a file is, as far as it can be read.
func kindOfFile(path string) fileKind {
	content, err := regular.Read(path, maxCheckSize)
	if err != nil {
		return kindUnknown
	}
	kind, _ := kindOf(path, content)
	return kind
}
