package command

import (
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
)

// notReadHere ends the message about a file that was skipped.
const notReadHere = ", which is not read in a directory of manifests: name the file itself"

// checkFolder checks a directory of manifests, and names the other files in it.
func checkFolder(path string, read tally) []finding {
	return append(checkManifests(path, read), passedOver(path)...)
}

// passedOver returns a warning for each file in a directory whose kind is read elsewhere, but not
// there. It does not follow links.
func passedOver(path string) (warnings []finding) {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // whoever reads the manifests reports it
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

// names describe the kinds of files to people.
var names = map[fileKind]string{
	kindCorefile:   "a Corefile",
	kindPolicyZone: "a policy zone",
	kindLocations:  "a table of locations",
	kindSpeaker:    "a speaker's configuration",
	kindDatabase:   "a GeoIP database",
}

// kindOfFile returns the kind of a file, as far as it can be read.
func kindOfFile(path string) fileKind {
	content, err := regular.Read(path, maxCheckSize)
	if err != nil {
		return kindUnknown
	}
	kind, _ := kindOf(path, content)
	return kind
}
