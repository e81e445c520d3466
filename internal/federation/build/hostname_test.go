package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/federation"
	"github.com/nearcast/nearcast/internal/federation/annotation"
)

// TestAnUnusualHostnameIsUsedOrOnlyItIsRefused checks that each name of a list is used, or
// causes a fault that names it, whatever is beside it.
func TestAnUnusualHostnameIsUsedOrOnlyItIsRefused(t *testing.T) {
	label := strings.Repeat("a", 63)
	const zone = ".fn.example.org"
	longest := strings.Repeat(label+".", 3) + strings.Repeat("b", 253-3*64-len(zone)) + zone // 255 octets with its dot and the root's
	for name, want := range map[string]string{
		"a" + zone:                      "a" + zone + ".",
		"a" + zone + ".":                "a" + zone + ".",
		" \ta" + zone + "\n":            "a" + zone + ".",
		"A.FN.Example.ORG":              "a" + zone + ".",
		"_https._tcp.a" + zone:          "_https._tcp.a" + zone + ".",
		"a_b" + zone:                    "a_b" + zone + ".",
		"xn--bcher-kva" + zone:          "xn--bcher-kva" + zone + ".",
		"1.2.3.4" + zone:                "1.2.3.4" + zone + ".",
		"*.a" + zone:                    "*.a" + zone + ".",
		label + zone:                    label + zone + ".",
		longest:                         longest + ".",
		longest + ".":                   longest + ".",
		"b" + longest:                   "longer than 255 octets",
		label + "a" + zone:              "is not a hostname",
		"":                              `"" is not a hostname`,
		".":                             `"." is not a hostname`,
		"a" + zone + "..":               "is not a hostname",
		".a" + zone:                     "is not a hostname",
		"a." + zone:                     "is not a hostname",
		"*":                             `"*" is not a hostname`,
		"*.*.a" + zone:                  "is not a hostname",
		"a.*.b" + zone:                  "is not a hostname",
		"a*" + zone:                     "is not a hostname",
		"**.a" + zone:                   "is not a hostname",
		"-a" + zone:                     "is not a hostname",
		"a-" + zone:                     "is not a hostname",
		"a b" + zone:                    "is not a hostname",
		`a\.b` + zone:                   "is not a hostname",
		`a\098` + zone:                  "is not a hostname",
		"a@b" + zone:                    "is not a hostname",
		"http://a" + zone:               "is not a hostname",
		"a" + zone + ":443":             "is not a hostname",
		"b\u00fccher" + zone:            `"b\u00fccher.fn.example.org" is not a hostname: write non-ASCII labels`,
		"\u212aube" + zone:              `"\u212aube.fn.example.org" is not a hostname: write non-ASCII labels`, // KELVIN SIGN
		"\u017fpin" + zone:              "write non-ASCII labels",                                               // LONG S
		"a\u3002fn\u3002example" + zone: "write non-ASCII labels",                                               // IDEOGRAPHIC FULL STOP
		"a\u200b" + zone:                "write non-ASCII labels",
		"a\xff" + zone:                  "write non-ASCII labels",
		"a\x00" + zone:                  "is not a hostname",
	} {
		s := world(Options{}, service("demo", "w", "hostname", "first"+zone+","+name+",last"+zone), cluster("a", "192.0.2.1"))
		hostnames := []string{"first" + zone + "."}
		if used := strings.HasSuffix(want, zone+"."); used {
			hostnames = append(hostnames, want)
			want = ""
		}
		hostnames = append(hostnames, "last"+zone+".")
		var got []string
		for _, f := range s.All() {
			got = f.Hostnames
		}
		if !slices.Equal(got, hostnames) {
			t.Errorf("%+q: the function has %q", name, got)
		}
		if want == "" && len(s.Faults) > 0 || want != "" && (len(s.Faults) != 1 || s.Faults[0].Key != annotation.Hostname || !strings.Contains(s.Faults[0].Reason, want)) {
			t.Errorf("%+q: faults %v, want one with %s", name, s.Faults, want)
		}
	}
}

// TestAFunctionWithoutAValidHostnameIsRefused: it does not get its default name,
// which it did not request.
func TestAFunctionWithoutAValidHostnameIsRefused(t *testing.T) {
	web := &federation.Template{Meta: federation.Meta{Common: &federation.Common{Kind: "Service", Namespace: "demo"}, Name: "w", Annotations: federation.Annotations{{Key: annotation.Hostname, Value: "a b,\u212a.example"}}}}
	faults := annotation.Parse(web)
	if len(faults) != 1 || !strings.Contains(faults[0].Reason, `"a b" is not`) || !strings.Contains(faults[0].Reason, "\u212a.example") && !strings.Contains(faults[0].Reason, `\u212a.example`) {
		t.Errorf("%v", faults)
	}
}
