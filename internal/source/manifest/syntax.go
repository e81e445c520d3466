package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/internal/base/brief"
	"github.com/nearcast/nearcast/internal/federation"
)

const isTemplate = "looks like a Helm template ({{ ... }}): render it with `helm template` first"

// aboutTab matches what the YAML library says if a line begins with a tab; it often names
// the line before.
var aboutTab = regexp.MustCompile(`tab character|cannot start any token`)

// notYAML returns the fault of a file that the YAML library cannot read.
func notYAML(path string, data []byte, err error) *federation.Fault {
	f := &federation.Fault{File: path, Line: syntaxLine(err), Reason: brief.Text("is not YAML: " + message(err))}
	if before, _, template := bytes.Cut(data, []byte("{{")); template {
		f.Line, f.Reason = 1+bytes.Count(before, []byte("\n")), isTemplate
	} else if line := tabbed(data); line > 0 && aboutTab.MatchString(f.Reason) {
		f.Line, f.Reason = line, "is not YAML: it is indented with a tab; use spaces"
	}
	return f
}

// tabbed returns the first line that is indented with a tab; 0 if there is none.
func tabbed(data []byte) int {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := bytes.TrimLeft(line, " \t")
		if bytes.ContainsRune(line[:len(line)-len(text)], '\t') && len(bytes.TrimSpace(text)) > 0 {
			return number
		}
	}
	return 0
}

// syntaxLine returns the line in the YAML library's message. There is no other way to get
// it, and the message omits it for the first line.
func syntaxLine(err error) int {
	line := 1
	if _, scan := fmt.Sscanf(strings.TrimPrefix(err.Error(), "yaml: "), "line %d:", &line); scan != nil {
		return 1
	}
	return line
}

// message returns the YAML library's message on one line, without the leading line number
// and without the parts that it repeats of the file.
func message(err error) string { return discreet(raw(err)) }

func raw(err error) string {
	var mistyped *yaml.TypeError
	if errors.As(err, &mistyped) {
		return strings.Join(mistyped.Errors[:min(3, len(mistyped.Errors))], "; ")
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if line, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(line, "line ") {
		return rest
	}
	return text
}
