package federation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Policy says how a function's candidates are ordered: a parsed
// nearcast.dev/policy, or the Corefile's. What it means is package steer's, which
// defines the policies.
type Policy interface {
	// String returns the policy's name and options as they were written.
	String() string
}

var policies = map[string]func(options []string) (Policy, error){}

// DefinePolicy makes ParsePolicy accept the name, followed by options that parse
// understands. It is for init functions.
func DefinePolicy(name string, parse func(options []string) (Policy, error)) { policies[name] = parse }

// PolicyNames returns the names of all policies, sorted.
func PolicyNames() []string { return slices.Sorted(maps.Keys(policies)) }

// ParsePolicy parses "NAME [OPTION…]".
func ParsePolicy(text string) (Policy, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return nil, fmt.Errorf("names no policy; known are %s", strings.Join(PolicyNames(), ", "))
	}
	parse, known := policies[fields[0]]
	if !known {
		return nil, fmt.Errorf("unknown policy %q; known are %s", fields[0], strings.Join(PolicyNames(), ", "))
	}
	p, err := parse(fields[1:])
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", fields[0], err)
	}
	return p, nil
}
