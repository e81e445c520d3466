package main

import (
	"strings"
	"testing"
)

// Messages as govulncheck 1.9 writes them.
const (
	config   = `{"config": {"protocol_version": "v1.0.0", "scan_level": "symbol"}}`
	osv      = `{"osv": {"id": "GO-2026-1", "summary": "Panic in a"}}`
	called   = `{"finding": {"osv": "GO-2026-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3", "package": "example.com/a/b", "function": "F"}]}}`
	imported = `{"finding": {"osv": "GO-2026-1", "fixed_version": "v1.2.4", "trace": [{"module": "example.com/a", "version": "v1.2.3", "package": "example.com/a/b"}]}}`
	known    = `{"finding": {"osv": "GO-2026-4736", "trace": [{"module": "github.com/osrg/gobgp/v4", "version": "v4.8.0", "package": "p", "function": "F"}]}}`
)

func TestOnlyWhatIsCalledAndNotJudgedFails(t *testing.T) {
	for name, one := range map[string]struct {
		found      []string
		want, says string
	}{
		"called":           {[]string{config, osv, imported, called, called}, "1 vulnerabilities are called", "GO-2026-1 example.com/a@v1.2.3, fixed in v1.2.4: Panic in a\n"},
		"imported alone":   {[]string{config, osv, imported}, "", ""},
		"judged":           {[]string{config, known}, "", "fixed in no version:; judged: CVE-2026-30405"},
		"nothing found":    {[]string{config}, "", ""},
		"it did not run":   {nil, "said nothing", ""},
		"it broke halfway": {[]string{config, osv, `{"finding":`}, "govulncheck: unexpected EOF", ""},
	} {
		var out strings.Builder
		err := judge(strings.NewReader(strings.Join(one.found, "\n")), &out)
		if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v, want %q", name, err, one.want)
		}
		if !strings.Contains(out.String(), one.says) || one.says == "" && out.Len() > 0 {
			t.Errorf("%s: %q, want %q", name, out.String(), one.says)
		}
	}
}
