// Package manifests holds what is applied to the Karmada API and to members, for the
// programs that apply it themselves.
package manifests

import "embed"

// Files are the folder for the Karmada API, and what they need.
//
//go:embed karmada nearcast
var Files embed.FS
