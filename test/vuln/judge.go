package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// judged are reports that are not true of what we ship, each with the reason. The
// database knows no version in which they are fixed, so they never go away.
var judged = map[string]string{
	"GO-2024-2817": "CVE-2024-33396 is of Karmada's control plane until 1.9.0; its types and clientset alone are linked",
	"GO-2026-4736": "CVE-2026-30405, NEXT_HOP, is of GoBGP 4.2.0, and fixed in 4.4.0; 4.8.0 checks the attribute's length",
}

// finding is what govulncheck says of a vulnerability and one way to it.
type finding struct {
	OSV   string
	Fixed string `json:"fixed_version"`
	Trace []struct{ Module, Version, Package, Function string }
}

// called reports whether a function that is vulnerable is called, and not only a package
// or a module linked.
func (f finding) called() bool { return len(f.Trace) > 0 && f.Trace[0].Function != "" }

// judge reads what govulncheck found, as JSON, and writes a line for each vulnerability
// that is called. It fails where one is not judged.
func judge(found io.Reader, out io.Writer) error {
	lines, err := read(found)
	if err != nil {
		return err
	}
	open := 0
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		if why, known := judged[id]; known {
			fmt.Fprintf(out, "%s; judged: %s\n", lines[id], why)
			continue
		}
		open++
		fmt.Fprintln(out, lines[id])
	}
	if open > 0 {
		return fmt.Errorf("%d vulnerabilities are called; upgrade, or say in test/vuln/judge.go why one is not true of us", open)
	}
	return nil
}

// read returns a line for each vulnerability that is called, by its identifier.
func read(found io.Reader) (map[string]string, error) {
	summaries, lines := map[string]string{}, map[string]string{}
	scanned := false
	for decoder := json.NewDecoder(found); ; {
		var message struct {
			Config  *struct{}
			OSV     *struct{ ID, Summary string }
			Finding *finding
		}
		err := decoder.Decode(&message)
		switch {
		case errors.Is(err, io.EOF) && !scanned:
			return nil, errors.New("govulncheck said nothing")
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return nil, fmt.Errorf("govulncheck: %w", err)
		}
		scanned = scanned || message.Config != nil
		if message.OSV != nil {
			summaries[message.OSV.ID] = message.OSV.Summary
		}
		if f := message.Finding; f != nil && f.called() {
			at := f.Trace[0]
			lines[f.OSV] = strings.TrimSpace(fmt.Sprintf("%s %s@%s, %s: %s", f.OSV, at.Module, at.Version, mended(f.Fixed), summaries[f.OSV]))
		}
	}
}

func mended(version string) string {
	if version == "" {
		return "fixed in no version"
	}
	return "fixed in " + version
}
