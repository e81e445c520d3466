package main

import (
	"fmt"
	"io"
)

// ruleName is a name that the rules block.
func ruleName(n int) string { return fmt.Sprintf("malware-%d.b%d.example", n, n%1000) }

// writeRules writes a policy zone: one half of the rules block names, the other
// what is below them.
func writeRules(w io.Writer, rules int) {
	fmt.Fprint(w, "$TTL 300\n@ SOA ns.test. h.test. 1 3600 600 86400 60\n@ NS ns.test.\n")
	for n := range rules / 2 {
		fmt.Fprintf(w, "%s CNAME .\n*.%[1]s CNAME .\n", ruleName(n))
	}
}
