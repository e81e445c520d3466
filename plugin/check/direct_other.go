//go:build !linux

package check

// checkDirect leaves direct lines alone: the plugin is for Linux.
func checkDirect(string) (faults, warnings []error) { return nil, nil }
