//go:build !minimal

package directives

// OnlyMinimal reports whether the programs are those of the minimal image.
const OnlyMinimal = false
