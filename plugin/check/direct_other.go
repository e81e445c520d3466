//go:build !linux

package check

// checkDirect leaves direct lines alone: the plugin runs on Linux only.
func checkDirect(string) (faults, warnings []error) { return nil, nil }
