package check

import "github.com/nearcast/nearcast/plugin/direct"

// checkDirect checks the direct directives of a Corefile.
func checkDirect(path string) (faults, warnings []error) { return direct.Check(path) }
