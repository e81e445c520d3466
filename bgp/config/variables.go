package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand replaces ${NAME} with environment variables, so that nodes with different addresses can
// share a file. An unset variable is a fault.
func expand(data []byte, found *faults) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	for i, line := range lines {
		lines[i] = variable.ReplaceAllStringFunc(line, func(match string) string {
			value, set := os.LookupEnv(match[2 : len(match)-1])
			if !set {
				found.found = append(found.found, fault{line: i + 1, text: fmt.Sprintf("line %d: variable %s is not set", i+1, match)})
			}
			return value
		})
	}
	return []byte(strings.Join(lines, ""))
}
