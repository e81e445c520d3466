// Package version contains the version of Nearcast. To raise it, change only the file
// VERSION: the programs, their images and the Helm chart take it from there, and
// manifests, which people apply as they are, are compared with it.
package version

import (
	_ "embed"
	"strings"
)

//go:embed VERSION
var file string

// Nearcast is the version, in semantic versioning.
var Nearcast = strings.TrimSpace(file)
