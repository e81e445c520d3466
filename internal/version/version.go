// Package version says which Nearcast this is. The file VERSION is the only place to
// raise it: the programs, their images and the Helm chart take it from there, and
// manifests, which people apply as they are, are compared with it.
package version

import (
	_ "embed"
	"strings"
)

//go:embed VERSION
var file string

// Nearcast is the version, as semantic versioning has it.
var Nearcast = strings.TrimSpace(file)
