package policyzone

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// target is what an owner name triggers on.
type target struct {
	trigger Trigger
	// name is canonical; with wild it is what follows the asterisk. Both are for QName and NSDName, prefix for the
	// others.
	name   string
	wild   bool
	prefix netip.Prefix
}

// suffixes are the labels under which a zone has its triggers.
var suffixes = [triggers]string{ClientIP: "rpz-client-ip", QName: "", IP: "rpz-ip", NSDName: "rpz-nsdname", NSIP: "rpz-nsip"}

// owner returns the owner name of the target in the zone.
func (t target) owner(zone string) string {
	name := t.ownerName()
	if name == "." {
		name = ""
	}
	if suffix := suffixes[t.trigger]; suffix != "" {
		name += suffix + "."
	}
	if zone == "." {
		return name
	}
	return name + zone
}

// ownerName is the owner name without the trigger's suffix and the zone.
func (t target) ownerName() string {
	switch {
	case t.prefix.IsValid():
		return encodePrefix(t.prefix) + "."
	case !t.wild:
		return t.name
	case t.name == ".":
		return "*."
	}
	return "*." + t.name
}

// parseOwner decodes an owner name relative to the apex, canonical and without the final dot.
func parseOwner(relative string) (target, error) {
	for t := range triggers {
		if suffixes[t] == "" {
			continue
		}
		if relative == suffixes[t] {
			return target{}, errors.New("nothing precedes " + suffixes[t])
		}
		before, ok := strings.CutSuffix(relative, "."+suffixes[t])
		switch {
		case !ok || escaped(before):
		case t == NSDName:
			return nameTarget(t, before), nil
		default:
			p, err := decodePrefix(before)
			return target{trigger: t, prefix: p}, err
		}
	}
	return nameTarget(QName, relative), nil
}

func nameTarget(t Trigger, relative string) target {
	if relative == "*" {
		return target{trigger: t, name: ".", wild: true}
	}
	if parent, ok := strings.CutPrefix(relative, "*."); ok {
		return target{trigger: t, name: parent + ".", wild: true}
	}
	return target{trigger: t, name: relative + "."}
}

// Canonical returns the name in lower case, fully qualified, and escaped like names from messages, so that all
// spellings of a name become one.
func Canonical(name string) string {
	for i := range len(name) {
		if spelt[name[i]] {
			name = respell(name)
			break
		}
	}
	return strings.ToLower(dns.Fqdn(name))
}

// spelt are the octets that a name from the wire never has, or only after a backslash. In a file they may stand
// alone.
var spelt = func() (is [256]bool) {
	for b := range is {
		is[b] = b <= ' ' || b > '~' || strings.IndexByte(`\'@;()"`, byte(b)) >= 0
	}
	return is
}()

// respell spells the name like one from the wire. A name that cannot be sent stays as it is, and matches nothing.
func respell(name string) string {
	var wire [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), wire[:], 0, nil, false)
	if err != nil {
		return name
	}
	spelt, _, err := dns.UnpackDomainName(wire[:n], 0)
	if err != nil {
		return name
	}
	return spelt
}

// relativeTo cuts the zone off a canonical owner name at or below it.
func relativeTo(owner, zone string) (string, error) {
	above := len(owner) - len(zone)
	switch {
	case owner == zone:
		return "", nil
	case zone == ".":
		return owner[:len(owner)-1], nil
	case above > 0 && owner[above:] == zone && owner[above-1] == '.' && !escaped(owner[:above-1]):
		return owner[:above-1], nil
	}
	return "", fmt.Errorf("%s %w %s", owner, errOutside, zone)
}

var errOutside = errors.New("is not in the zone")

// escaped reports whether the end of the text escapes the character that follows.
func escaped(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// CompareNames orders Canonical names as DNSSEC does (RFC 4034, section 6.1).
func CompareNames(a, b string) int {
	x, y := dns.SplitDomainName(a), dns.SplitDomainName(b)
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}
