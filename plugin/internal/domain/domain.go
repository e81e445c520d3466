// Package domain compares names on the query path without allocating.
package domain

// Under reports whether the name is the zone's own or below it. Both are fully
// qualified and in lower case, and the name has no escapes. For names that are strings there is
// federation.IsAtOrBelow; this package does not know the model.
func Under(name []byte, zone string) bool {
	if zone == "." {
		return true
	}
	above := len(name) - len(zone)
	return above >= 0 && string(name[above:]) == zone && (above == 0 || name[above-1] == '.')
}
