// Package manifests holds what is applied to the Karmada API, for the programs
// that apply it themselves.
package manifests

import "embed"

// Karmada is the folder for the Karmada API.
//
//go:embed karmada
var Karmada embed.FS
