// Package manifests holds what is applied to the Karmada API and to members, for the
// programs that apply it themselves.
package manifests

import "embed"

// Files are the folder for the Karmada API, and what it builds upon.
//
//go:embed karmada nearcast
var Files embed.FS

// Version is the tag of the images that the manifests name. It is never latest: a
// kubelet pulls that always, and overlooks what is on its node.
const Version = "0.1.0"
