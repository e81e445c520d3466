package command

import (
	"errors"
	"io/fs"
	"os"

	"github.com/nearcast/nearcast/internal/base/regular"
	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/internal/source/manifest"
	"github.com/nearcast/nearcast/internal/steering/locate"
	"github.com/nearcast/nearcast/plugin/check"
	"github.com/nearcast/nearcast/plugin/rpz"
)

// maxCheckSize limits the size of a checked file, in bytes: the largest policy zones have several
// hundred megabytes.
const maxCheckSize = 1 << 30

// checkPath returns the findings in a file or directory, and what was read in it. If there is
// neither, it returns a fault.
func checkPath(path string) ([]finding, tally) {
	read := tally{}
	findings := readPath(path, read)
	if len(read) == 0 && len(findings) == 0 {
		findings = append(findings, ofReason(path, holdsNothing))
	}
	arrange(path, findings)
	return findings, read
}

const holdsNothing = "contains nothing that Nearcast reads"

// readObjects is what manifests hold that Nearcast reads.
const readObjects = ` (clusters, functions, workloads, bindings); a function is a Service or Ingress with the label nearcast.dev/function: "true"`

func readPath(path string, read tally) []finding {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return ofErrors(severityFault, path, []error{err})
	case info.IsDir():
		return checkFolder(path, read)
	}
	content, err := regular.Read(path, maxCheckSize)
	if err != nil {
		return ofErrors(severityFault, path, []error{err})
	}
	kind, reason := kindOf(path, content)
	switch kind {
	case kindCorefile:
		return checkCorefile(path, read)
	case kindManifest:
		return checkManifests(path, read)
	case kindPolicyZone:
		return checkPolicyZone(path, read)
	case kindLocations:
		return checkLocations(path, read)
	case kindSpeaker:
		return checkSpeaker(path, read)
	case kindDatabase:
		return checkDatabase(path, read)
	}
	return []finding{ofReason(path, reason)}
}

func checkCorefile(path string, read tally) []finding {
	c := check.Corefile(path)
	read.set(path, unitBlock, c.Blocks)
	findings := append(ofErrors(severityFault, path, c.Faults), ofErrors(severityWarning, path, c.Warnings)...)
	for file, zone := range c.PolicyZones {
		if z, err := rpz.ReadZone(file, zone); err == nil {
			countRules(z, file, read)
		}
	}
	for _, config := range c.Sites {
		countLocations(config.Locations, read)
		findings = append(findings, checkClaims(path, config)...)
		if config.Source.Manifests == "" {
			continue // Karmada's objects are not checked here
		}
		view, err := site.Once(config)
		if err != nil {
			findings = append(findings, ofError(severityFault, path, err))
			continue
		}
		findings = append(findings, ofFaults(path, view.State.Faults)...)
		findings = append(findings, checkManifests(config.Source.Manifests, read)...) // equal findings are reported once
	}
	return findings
}

// checkClaims reports what the tenants of a configuration share.
func checkClaims(path string, config site.Config) (findings []finding) {
	for _, text := range config.Claims.Shared() {
		findings = append(findings, finding{Severity: severityWarning, File: path, Reason: text, Text: path + ": " + text})
	}
	for _, text := range config.Claims.Open(config.Zones) {
		findings = append(findings, finding{Severity: severityNote, File: path, Reason: text, Text: path + ": " + text})
	}
	return findings
}

func checkManifests(path string, read tally) []finding {
	dir := manifest.New(path)
	listing, err := dir.Load()
	if err != nil {
		return ofErrors(severityFault, path, unjoin(err))
	}
	objects := listing.Objects()
	read.objects(objects)
	findings := ofFaults(path, listing.All())
	switch {
	case len(objects) > 0 || len(findings) > 0:
	case dir.Files() == 0:
		findings = append(findings, ofReason(path, "contains no manifests: their names must end in .yaml, .yml, .json, .ndjson or .jsonl"))
	default:
		findings = append(findings, ofReason(path, holdsNothing+readObjects))
	}
	return append(findings, ofFaults(path, dir.Unwatched())...)
}

func checkPolicyZone(path string, read tally) []finding {
	name, err := rpz.ZoneName(path)
	if err != nil {
		return ofErrors(severityFault, path, []error{err})
	}
	z, err := rpz.ReadZone(path, name)
	if err != nil {
		return ofErrors(severityFault, path, []error{err})
	}
	countRules(z, path, read)
	return append(ofErrors(severityFault, path, z.Faults), ofErrors(severityWarning, path, z.Doubts)...)
}

func countRules(z rpz.ZoneFile, path string, read tally) {
	read.set(path, unitZone, 1)
	read.set(path, unitRule, z.Rules)
}

// checkLocations does not require databases: which ones exist depends on the Corefile.
func checkLocations(path string, read tally) []finding {
	entries, faults, err := parseLocations(path)
	if err != nil {
		return ofErrors(severityFault, path, []error{err})
	}
	read.set(path, unitLocation, len(entries))
	return ofFaults(path, faults)
}

func parseLocations(path string) ([]locate.Entry, []federation.Fault, error) {
	f, err := regular.Open(path, locate.MaxSize)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return locate.Parse(path, f)
}

// countLocations counts what can be read; whoever loads the files reports what cannot.
func countLocations(files locate.Files, read tally) {
	if entries, _, err := parseLocations(files.Locations); err == nil {
		read.set(files.Locations, unitLocation, len(entries))
	}
	for _, path := range files.GeoIP {
		checkDatabase(path, read)
	}
}

func checkDatabase(path string, read tally) []finding {
	faults, used := locate.CheckDatabase(path)
	if used {
		read.set(path, unitDatabase, 1)
	}
	return ofFaults(path, faults)
}

// unjoin returns the errors that errors.Join has combined.
func unjoin(err error) []error {
	var failed *fs.PathError
	if joined, ok := err.(interface{ Unwrap() []error }); ok && !errors.As(err, &failed) {
		return joined.Unwrap()
	}
	return []error{err}
}
