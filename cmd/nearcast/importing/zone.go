package importing

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/plugin/nearcast/zonefile"
)

// dynamic is a name that a plugin of gdnsd answers.
type dynamic struct {
	file     string
	line     int
	name     string
	ttl      uint32
	resource string // plugin!resource[/datacenter]
	apex     bool   // the name is the zone's own
}

var (
	// dynamicType matches a record of gdnsd's own types. They are read as TXT, so that names and TTLs are read as usual.
	dynamicType = regexp.MustCompile(`(?m)(^|\s)(DYNA|DYNC)\s+([^\s;]+)`)
	// twoTTLs matches the TTL of a record with a least TTL after it.
	twoTTLs = regexp.MustCompile(`(?m)(\s\d+[smhdwSMHDW]?)/(\d+[smhdwSMHDW]?\s)`)
	// limits matches directives that say how many addresses an answer has.
	limits = regexp.MustCompile(`(?m)^\s*\$ADDR_LIMIT_V[46]\b.*$`)
)

// hasTTL matches the directive that gives records a TTL.
var hasTTL = regexp.MustCompile(`(?m)^\$TTL\s`)

// marks begin the text of a record that was not a TXT record.
const (
	markAddress = "gdnsd-DYNA "
	markAlias   = "gdnsd-DYNC "
)

// zone reads a zone: gdnsd's, or any in the text form of RFC 1035.
func (i *importer) zone(path, text string) error {
	for _, at := range limits.FindAllStringIndex(text, -1) {
		i.left(path, 1+strings.Count(text[:at[0]], "\n"), strings.TrimSpace(text[at[0]:at[1]]), "an answer has the addresses of one cluster")
	}
	text = limits.ReplaceAllString(text, "")
	for _, at := range twoTTLs.FindAllStringIndex(text, -1) {
		i.left(path, 1+strings.Count(text[:at[0]], "\n"), strings.TrimSpace(text[at[0]:at[1]]), "only the first TTL is used: the least one is that of `ttl` in the Corefile")
	}
	text = twoTTLs.ReplaceAllStringFunc(text, func(t string) string { return t[:strings.IndexByte(t, '/')] + " " })
	text = dynamicType.ReplaceAllString(text, `${1}TXT "gdnsd-$2 $3"`)
	if !hasTTL.MatchString(text) {
		i.left(path, 1, "$TTL", "is missing: a record without a TTL has that of the record before it, or one hour")
	}
	zone := i.zoneName(path)
	return zonefile.Each(strings.NewReader(text), path, zone, func(rr dns.RR, line int) {
		switch rr := rr.(type) {
		case *dns.SOA:
			i.left(path, line, "SOA", "write `hostmaster %s` in the Corefile; the rest of the SOA follows from `ns` and `ttl`", rr.Mbox)
			return
		case *dns.NS:
			if dns.CanonicalName(rr.Hdr.Name) == zone {
				i.left(path, line, "NS "+rr.Ns, "write `ns %s ADDRESS` in the Corefile, and leave its A and AAAA records out of the records", rr.Ns)
				return
			}
		case *dns.TXT:
			if i.isDynamic(path, zone, line, rr) {
				return
			}
		}
		i.record(path, line, rr.String())
	})
}

// isDynamic takes a record that a plugin answers.
func (i *importer) isDynamic(path, zone string, line int, rr *dns.TXT) bool {
	text := strings.Join(rr.Txt, "")
	if resource, is := strings.CutPrefix(text, markAlias); is {
		i.left(path, line, fmt.Sprintf("%s DYNC %s", rr.Hdr.Name, resource), "functions are answered with addresses, not with aliases")
		return true
	}
	resource, is := strings.CutPrefix(text, markAddress)
	if is {
		i.asked = append(i.asked, dynamic{path, line, dns.CanonicalName(rr.Hdr.Name), rr.Hdr.Ttl, resource, dns.CanonicalName(rr.Hdr.Name) == zone})
	}
	return is
}
