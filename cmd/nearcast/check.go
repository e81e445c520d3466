package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/nearcast/nearcast/bgp"
	"github.com/nearcast/nearcast/internal/locate"
	"github.com/nearcast/nearcast/internal/manifest"
	"github.com/nearcast/nearcast/internal/policyzone"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/nearcast"
	"github.com/nearcast/nearcast/plugin/rpz"
)

// finding is one thing that check has to say.
type finding struct {
	Severity string `json:"severity"` // fault or warning
	Text     string `json:"text"`
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Check Corefiles, manifests, locations and speaker configurations",
		Long: `Check every FILE with the parser that loads it: a Corefile (with the files that
it names), a manifest or a folder of manifests, a table of locations (.csv), a
policy zone (.rpz), or a speaker's configuration. Every fault is printed with its file and line. The
exit status is 1 if there is one.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := wantsJSON(cmd)
			if err != nil {
				return err
			}
			findings := []finding{}
			for _, path := range args {
				findings = append(findings, checkFile(path)...)
			}
			faults := 0
			for _, f := range findings {
				if f.Severity == "fault" {
					faults++
				}
				if !asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", f.Severity, f.Text)
				}
			}
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), findings); err != nil {
					return err
				}
			}
			if faults > 0 {
				return fmt.Errorf("%d faults in %d files", faults, len(args))
			}
			if !asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "%d files are good\n", len(args))
			}
			return nil
		},
	}
}

func checkFile(path string) []finding {
	info, err := os.Stat(path)
	if err != nil {
		return faults(err)
	}
	switch {
	case info.IsDir():
		return checkManifests(path)
	case filepath.Ext(path) == ".rpz":
		return checkPolicyZone(path)
	case filepath.Ext(path) == ".csv":
		return checkLocations(path)
	case strings.Contains(filepath.Base(path), "Corefile"):
		return checkCorefile(path)
	case isSpeaker(path):
		if _, err := bgp.Load(path); err != nil {
			return faults(unjoin(err)...)
		}
		return nil
	}
	return checkManifests(path)
}

// isSpeaker tells a speaker's configuration from a manifest, which has a kind.
func isSpeaker(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var keys map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&keys); err != nil {
		return false
	}
	_, isObject := keys["kind"]
	_, hasASN := keys["asn"]
	_, hasPeers := keys["peers"]
	return !isObject && (hasASN || hasPeers)
}

func checkCorefile(path string) []finding {
	configs, bad, warnings := nearcast.Check(path)
	misdirected, off := checkDirect(path)
	findings := faults(slices.Concat(bad, rpz.Check(path), misdirected)...)
	for _, w := range slices.Concat(warnings, off) {
		findings = append(findings, finding{"warning", w.Error()})
	}
	for _, config := range configs {
		if config.Source.Manifests == "" {
			continue // Karmada's objects are not ours to read here
		}
		view, err := site.Once(config)
		if err != nil {
			findings = append(findings, faults(err)...)
			continue
		}
		for _, f := range view.State.Faults {
			findings = append(findings, faults(f)...)
		}
	}
	return findings
}

func checkPolicyZone(path string) []finding {
	origin, err := policyzone.Origin(path)
	if err != nil {
		return faults(err)
	}
	_, bad, err := policyzone.ReadFile(path, origin)
	if err != nil {
		return faults(err)
	}
	var findings []finding
	for _, f := range bad {
		findings = append(findings, faults(f.In(path))...)
	}
	return findings
}

func checkManifests(path string) []finding {
	listing, err := manifest.New(path).Load()
	if err != nil {
		return faults(err)
	}
	var findings []finding
	for _, f := range listing.All() {
		findings = append(findings, faults(f)...)
	}
	return findings
}

func checkLocations(path string) []finding {
	_, bad, err := locate.Files{Locations: path}.Load()
	if err != nil {
		return faults(err)
	}
	var findings []finding
	for _, f := range bad {
		findings = append(findings, faults(f)...)
	}
	return findings
}

func faults(errs ...error) []finding {
	var findings []finding
	for _, err := range errs {
		findings = append(findings, finding{"fault", err.Error()})
	}
	return findings
}

// unjoin returns the errors that errors.Join put together.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
