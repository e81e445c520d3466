package command

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// finding is one result of check.
type finding struct {
	Severity string `json:"severity"` // fault, warning or note
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Object   string `json:"object,omitempty"`
	Key      string `json:"key,omitempty"`
	Reason   string `json:"reason"`
	Text     string `json:"text"` // everything on one line
}

const (
	severityFault   = "fault"
	severityWarning = "warning"
	// severityNote is for something correct that is useful to know.
	severityNote = "note"
)

// ofFault converts a fault of the file at path, or of a file that it names.
func ofFault(path string, f federation.Fault) finding {
	if f.File == "" {
		f.File = path
	}
	severity := severityFault
	if f.Warning {
		severity = severityWarning
	}
	return finding{severity, f.File, f.Line, f.Object, f.Key, f.Reason, f.Error()}
}

// ofReason returns a fault of the file as a whole.
func ofReason(path, reason string) finding {
	return ofFault(path, federation.Fault{Reason: reason})
}

// located matches errors that begin with their place: "FILE:LINE: ", CoreDNS's "FILE:LINE - ", or
// the speaker's "FILE: line LINE: ".
var located = regexp.MustCompile(`(?s)^(.+?):(?: line )?(\d+)(?:: | - )(.+)$`)

// whollyOf matches errors that begin with a file name: "FILE: ".
var whollyOf = regexp.MustCompile(`(?s)^(.+?): (.+)$`)

// ofError converts an error about the file at path, or about a file that it names.
func ofError(severity, path string, err error) finding {
	var f federation.Fault
	var failed *fs.PathError
	switch {
	case errors.As(err, &f):
		return ofFault(path, f)
	case errors.As(err, &failed):
		return ofReason(failed.Path, "cannot be read: "+failed.Err.Error())
	}
	text := err.Error()
	if at := located.FindStringSubmatch(text); at != nil && isThere(at[1]) {
		line, _ := strconv.Atoi(at[2]) // always digits
		return finding{Severity: severity, File: at[1], Line: line, Reason: at[3], Text: text}
	}
	if at := whollyOf.FindStringSubmatch(text); at != nil && isThere(at[1]) {
		path, text = at[1], at[2]
	}
	reason := strings.TrimPrefix(text, path+": ")
	return finding{Severity: severity, File: path, Reason: reason, Text: path + ": " + reason}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func ofErrors(severity, path string, errs []error) []finding {
	var all []finding
	for _, err := range errs {
		all = append(all, ofError(severity, path, err))
	}
	return all
}

func ofFaults(path string, faults []federation.Fault) []finding {
	var all []finding
	for _, f := range faults {
		all = append(all, ofFault(path, f))
	}
	return all
}

// arrange sorts the findings about the file at path and the files that it names: the file's own
// first, then by file and line.
func arrange(path string, findings []finding) {
	slices.SortStableFunc(findings, func(a, b finding) int {
		if own := a.File == path; own != (b.File == path) {
			if own {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
