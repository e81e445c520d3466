package blocks

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"

	"github.com/nearcast/nearcast/internal/base/secretfile"
)

// Secrets returns a warning for each secret file that other users can read, of those that a block names: cookie
// secrets, private keys of sign, dnssec, tls, probes and forward, the secrets of tsig, and the kubeconfig.
func Secrets(block caddyfile.ServerBlock) (warnings []error) {
	var seen []string
	for _, file := range secretFiles(block) {
		if slices.Contains(seen, file) {
			continue
		}
		seen = append(seen, file)
		if warning := secretfile.Warning(file); warning != "" {
			warnings = append(warnings, errors.New(warning))
		}
	}
	return warnings
}

// UnlessOf returns the blocks that have a plugin but none of the others.
func UnlessOf(all []caddyfile.ServerBlock, has string, others ...string) (these []caddyfile.ServerBlock) {
	for _, block := range all {
		other := slices.ContainsFunc(others, func(o string) bool { return len(block.Tokens[o]) > 0 })
		if len(block.Tokens[has]) > 0 && !other {
			these = append(these, block)
		}
	}
	return these
}

// secretFiles returns the secret files that a block names.
func secretFiles(block caddyfile.ServerBlock) (files []string) {
	root := ""
	if lines := linesOf(block, "root"); len(lines) > 0 && len(lines[0]) == 2 {
		root = lines[0][1]
	}
	below := func(file string) string { // as CoreDNS resolves it
		if root != "" && !filepath.IsAbs(file) {
			return filepath.Join(root, file)
		}
		return file
	}
	for _, line := range linesOf(block, "tls") {
		if len(line) > 2 && line[0] == "tls" {
			files = append(files, below(line[2]))
		}
	}
	for _, line := range linesOf(block, "forward") {
		if len(line) > 2 && line[0] == "tls" {
			files = append(files, below(line[2]))
		}
	}
	for _, line := range linesOf(block, "tsig") {
		if len(line) == 2 && line[0] == "secrets" {
			files = append(files, below(line[1]))
		}
	}
	for _, line := range linesOf(block, "dnssec") {
		if len(line) > 2 && line[0] == "key" && line[1] == "file" {
			for _, base := range line[2:] {
				files = append(files, private(below(base)))
			}
		}
	}
	for _, line := range linesOf(block, "nearcast") {
		files = append(files, ofNearcast(line)...)
	}
	return files
}

// ofNearcast returns the secret files that a line of the plugin nearcast names.
func ofNearcast(line []string) (files []string) {
	switch key, args := line[0], line[1:]; key {
	case "sign":
		for _, base := range args {
			files = append(files, private(base))
		}
	case "cookies":
		if i := slices.Index(args, "secret"); i >= 0 {
			files = append(files, args[i+1:]...)
		}
	case "karmada":
		files = append(files, args[:min(1, len(args))]...)
	case "probe":
		for pair := range slices.Chunk(args, 2) {
			if len(pair) == 2 && pair[0] == "key" {
				files = append(files, pair[1])
			}
		}
	}
	return files
}

// private returns the private key file of a pair made by dnssec-keygen.
func private(base string) string {
	return strings.TrimSuffix(strings.TrimSuffix(base, ".key"), ".private") + ".private"
}

// linesOf returns the lines of a plugin in a block as words: the directive itself and the lines between its braces.
func linesOf(block caddyfile.ServerBlock, plugin string) (lines [][]string) {
	line := 0
	for _, token := range block.Tokens[plugin] {
		switch {
		case token.Text == "{" || token.Text == "}":
			continue
		case len(lines) == 0 || token.Line != line:
			lines = append(lines, nil)
		}
		line = token.Line
		lines[len(lines)-1] = append(lines[len(lines)-1], token.Text)
	}
	return lines
}
