package command

import (
	"bytes"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nearcast/nearcast/internal/source/manifest"
	"github.com/nearcast/nearcast/plugin/check"
)

// fileKind is how a file is read.
type fileKind uint8

const (
	kindUnknown fileKind = iota
	kindCorefile
	kindManifest
	kindPolicyZone
	kindLocations
	kindSpeaker
	kindDatabase
)

// headSize is how much of a file is examined.
const headSize = 64 << 10

// kindOf determines the kind of a file from its content or, if that is unclear, from its name.
// reason says why it cannot be read as any kind.
func kindOf(path string, content []byte) (kind fileKind, reason string) {
	head := manifest.Text(content[:min(len(content), headSize)])
	if isDatabase(content) {
		return kindDatabase, ""
	}
	if format, yes := manifest.Compressed(path, content); yes {
		return kindUnknown, manifest.Decompress(format)
	}
	if len(bytes.TrimSpace(head)) == 0 {
		return kindUnknown, "is empty"
	}
	if strings.EqualFold(filepath.Ext(path), ".mmdb") {
		return kindDatabase, "" // a damaged one
	}
	switch format := http.DetectContentType(head); {
	case strings.HasPrefix(format, "text/html"):
		return kindUnknown, "is an HTML page, which servers often send for a missing file"
	case !strings.HasPrefix(format, "text/") || bytes.IndexByte(head, 0) >= 0:
		return kindUnknown, "is a binary file of an unknown kind"
	}
	for _, is := range contents {
		if is.like(head) {
			return is.kind, ""
		}
	}
	if kind = kindByName(path); kind == kindUnknown {
		reason = "is of an unknown kind: it looks neither like a Corefile, a manifest, a policy zone, a location table, " +
			"a speaker's configuration nor a GeoIP database"
	}
	return kind, reason
}

// contents are patterns that only one kind of file has, from the most to the least certain.
var contents = []struct {
	kind fileKind
	like func(head []byte) bool
}{
	{kindManifest, func(head []byte) bool {
		return object.Match(head) || inJSON(head) && bytes.Contains(head, []byte(`"apiVersion"`))
	}},
	{kindSpeaker, func(head []byte) bool { return speaker.Match(head) || inJSON(head) && speakerJSON.Match(head) }},
	{kindManifest, inJSON},
	{kindCorefile, isCorefile},
	{kindPolicyZone, record.Match},
	{kindLocations, location.Match},
}

var (
	// object is a top-level key of every Kubernetes object.
	object = regexp.MustCompile(`(?m)^(?:- )?\{?\s*["']?(?:apiVersion|kind)["']?\s*:`)
	// speaker is a key of which a speaker's configuration has several.
	speaker     = regexp.MustCompile(`(?m)^\{?["']?(?:asn|routerID|peers|vips|pools)["']?\s*:`)
	speakerJSON = regexp.MustCompile(`(?m)^\s*\{?\s*"(?:asn|routerID|peers|vips|pools)"\s*:`)
	// record is a directive of a zone file, or a record found in policy zones.
	record = regexp.MustCompile(`(?mi)^(?:\$(?:TTL|ORIGIN|INCLUDE|GENERATE)\s|[^;#\s]*\s+(?:(?:\d+[smhdw]?)+\s+|IN\s+)*(?:SOA|CNAME)\s)`)
	// location is the subject of a line in a location table.
	location = regexp.MustCompile(`(?mi)^\s*(?:resolver\s+)?(?:AS\d+|[0-9a-f]*[.:][0-9a-f.:]*(?:/\d+)?)\s*,`)
)

// inJSON reports whether the text begins like a JSON object or an array of objects.
func inJSON(head []byte) bool {
	text := bytes.TrimLeft(head, " \t\r\n[")
	rest, begins := bytes.CutPrefix(text, []byte("{"))
	return begins && bytes.HasPrefix(bytes.TrimSpace(rest), []byte(`"`))
}

// isDatabase looks for the marker before the metadata at the end of an MMDB.
func isDatabase(content []byte) bool {
	return bytes.Contains(content[max(0, len(content)-128<<10):], []byte("\xab\xcd\xefMaxMind.com"))
}

// isCorefile reports whether the text opens a block and names a plugin in it, possibly misspelt.
func isCorefile(head []byte) bool {
	opened := false
	for line := range bytes.Lines(head) {
		text, _, _ := strings.Cut(string(line), "#")
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
		case opened && check.NearestDirective(words[0]) != "":
			return true
		case len(words) > 1 && words[len(words)-1] == "{" && !strings.ContainsAny(text, `"'=`):
			opened = true
		}
	}
	return false
}

func kindByName(path string) fileKind {
	base := filepath.Base(path)
	switch strings.ToLower(filepath.Ext(base)) {
	case ".yaml", ".yml", ".json", ".ndjson", ".jsonl":
		return kindManifest
	case ".csv":
		return kindLocations
	case ".rpz", ".zone":
		return kindPolicyZone
	}
	switch {
	case strings.Contains(base, "Corefile"):
		return kindCorefile
	case base == "Kustomization":
		return kindManifest
	}
	return kindUnknown
}
