package annotation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nearcast/nearcast/internal/federation"
)

// maxPorts bounds the names that one template's ports add.
const maxPorts = 32

// parsePorts parses "[name=]port[/protocol],…".
func parsePorts(v string) ([]federation.Port, error) {
	var ports []federation.Port
	for field := range strings.SplitSeq(v, ",") {
		field = strings.TrimSpace(field)
		name, number, named := strings.Cut(field, "=")
		if !named {
			name, number = "", field
		}
		number, protocol, _ := strings.Cut(number, "/")
		if protocol == "" {
			protocol = "tcp"
		}
		n, err := strconv.ParseUint(number, 10, 16)
		switch {
		case err != nil || n == 0:
			return nil, fmt.Errorf("%q is not [name=]port[/protocol] with a port from 1 to 65535", field)
		case protocol != "tcp" && protocol != "udp":
			return nil, fmt.Errorf("%q: protocol %q is neither tcp nor udp", field, protocol)
		case named && !isServiceName(name):
			return nil, fmt.Errorf("%q: %q is not a service name of up to 15 letters, digits and hyphens", field, name)
		}
		p := federation.Port{Name: name, Protocol: protocol, Number: uint16(n)}
		if slices.ContainsFunc(ports, func(o federation.Port) bool { return o.Name == p.Name && o.Protocol == p.Protocol }) {
			return nil, fmt.Errorf("%q: the name is given twice", field)
		}
		if ports = append(ports, p); len(ports) > maxPorts {
			return nil, fmt.Errorf("more than the %d ports that a function may have", maxPorts)
		}
	}
	return ports, nil
}

// isServiceName checks the syntax of RFC 6335, section 5.1, except that it needs no
// letter: Kubernetes allows the same.
func isServiceName(s string) bool {
	if s == "" || len(s) > 15 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// maxALPN bounds the protocols that one template adds to each answer.
const maxALPN = 16

// parseALPN parses protocol identifiers, comma-separated (RFC 9460, section 7.1).
func parseALPN(v string) ([]string, error) {
	var ids []string
	for field := range strings.SplitSeq(v, ",") {
		id := strings.TrimSpace(field)
		if id == "" || len(id) > 255 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '"' }) {
			return nil, fmt.Errorf("%q is not an ALPN identifier such as h2", id)
		}
		if slices.Contains(ids, id) {
			continue
		}
		if ids = append(ids, id); len(ids) > maxALPN {
			return nil, fmt.Errorf("more than the %d identifiers that a function may have", maxALPN)
		}
	}
	return ids, nil
}

// maxTexts bounds a function's TXT records.
const maxTexts = 16

// parseTexts parses each line as one record.
func parseTexts(v string) ([]string, error) {
	var texts []string
	for line := range strings.SplitSeq(v, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			texts = append(texts, line)
		}
	}
	if len(texts) > maxTexts {
		return nil, fmt.Errorf("%d lines are more than the %d records that a function may have", len(texts), maxTexts)
	}
	return texts, nil
}
