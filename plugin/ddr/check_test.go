package ddr

import (
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// certificates writes the files that the test's Corefiles name.
func certificates(t *testing.T) (dir string) {
	dir = t.TempDir()
	later, names := time.Now().Add(time.Hour), []string{"dns.carrier.example"}
	for name, template := range map[string]*x509.Certificate{
		"good":    {NotAfter: later, DNSNames: names, IPAddresses: []net.IP{net.ParseIP("192.0.2.53"), net.ParseIP("2001:db8::53")}},
		"other":   {NotAfter: later, DNSNames: names, IPAddresses: []net.IP{net.ParseIP("192.0.2.54")}},
		"unnamed": {NotAfter: later, IPAddresses: []net.IP{net.ParseIP("192.0.2.53")}},
		"expired": {NotAfter: time.Now().Add(-time.Hour), DNSNames: names, IPAddresses: []net.IP{net.ParseIP("192.0.2.53")}},
	} {
		fixture.CertificateOf(t, filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"), template)
	}
	return dir
}

// TestDesignationsThatNoServerAnswersAreReported compares lines with what the Corefile
// serves. A block of an encrypted protocol is written as "KEYS CERTIFICATE", followed by
// the address that it is bound to, if any.
func TestDesignationsThatNoServerAnswersAreReported(t *testing.T) {
	dir := certificates(t)
	const bound = ". {\n bind 192.0.2.53\n ddr {\n LINE\n }\n forward . 198.51.100.1\n}\n"
	const everywhere = ". {\n ddr {\n LINE\n }\n forward . 198.51.100.1\n}\n"
	for _, c := range []struct{ plain, line, encrypted, faults, warnings string }{
		{bound, "designate dns.carrier.example dot doq", "tls://.,quic://. good", "", ""},
		{bound, "designate dns.carrier.example h2 h3 hint 192.0.2.53", "https://.,https3://. good 192.0.2.53", "", ""},
		{bound, "designate dns.carrier.example h2 port 8443", "https://.:8443 good", "", ""},
		{everywhere, "designate dns.carrier.example dot hint 192.0.2.53 2001:db8::53", "tls://. good", "", ""},
		{bound, "designate dns.carrier.example dot elsewhere", "", "", ""},
		{bound, "designate dns.carrier.example dot", "", "dot: no server block serves tls://.:853", ""},
		{bound, "designate dns.carrier.example dot port 8853", "tls://. good", "dot: no server block serves tls://.:8853", ""},
		{bound, "designate dns.carrier.example h2 h3", "https://. good", "h3: no server block serves https3://.:443", ""},
		{bound, "designate dns.carrier.example dot", "tls://fn.example.org good", "dot: no server block serves tls://.:853", ""},
		{bound, "designate dns.carrier.example h2 dohpath /q{?dns}", "https://. good", "dohpath /q{?dns} is not served", ""},
		{bound, "designate dns.carrier.example dot", "tls://. other", "DIR/other.crt is not valid for the address 192.0.2.53", ""},
		{strings.Replace(bound, "192.0.2.53", "10.0.0.1", 1), "designate dns.carrier.example dot", "tls://. good", "", "DIR/good.crt is not valid for the address 10.0.0.1; because the address is private"},
		{strings.Replace(bound, "bind", "direct 192.0.2.54\n #", 1), "designate dns.carrier.example dot", "tls://. good", "is not valid for the address 192.0.2.54", ""},
		{everywhere, "designate dns.carrier.example dot", "tls://. good", "", "the address that clients query is unknown"},
		{bound, "designate dns.carrier.example dot", "tls://. unnamed", "", "DIR/unnamed.crt is not valid for the name dns.carrier.example."},
		{bound, "designate dns.carrier.example dot", "tls://. expired", "certificate DIR/expired.crt: expired on ", ""},
		{bound, "designate dns.carrier.example dot", "tls://. missing", "open DIR/missing.crt: no such file", ""},
		{bound, "designate dns.carrier.example dot", "tls://. -", "its server block has no tls", ""},
		{bound, "designate dns.carrier.example dot hint 192.0.2.53", "tls://. good 192.0.2.54", "hint 192.0.2.53: the server block that serves it is bound to [192.0.2.54]", ""},
		{bound, "designate dns.carrier.example", "", "takes TARGET PROTOCOL", ""},
	} {
		before, _, _ := strings.Cut(c.plain, "LINE")
		at := strings.Count(before, "\n") + 1
		text := strings.Replace(c.plain, "LINE", c.line, 1)
		if words := strings.Fields(c.encrypted); len(words) > 0 {
			text += strings.ReplaceAll(words[0], ",", " ") + " {\n"
			if words[1] != "-" {
				text += fmt.Sprintf(" tls %s/%s.crt %[1]s/%[2]s.key\n", dir, words[1])
			}
			if len(words) > 2 {
				text += " bind " + words[2] + "\n"
			}
			text += " forward . 198.51.100.1\n}\n"
		}
		path := filepath.Join(dir, "Corefile")
		fixture.Write(t, path, text)
		faults, warnings := Check(path)
		for kind, pair := range map[string]struct {
			got  []error
			want string
		}{"faults": {faults, c.faults}, "warnings": {warnings, c.warnings}} {
			want := strings.ReplaceAll(pair.want, "DIR", dir)
			one := len(pair.got) == 1 && strings.Contains(pair.got[0].Error(), want) && strings.HasPrefix(pair.got[0].Error(), fmt.Sprintf("%s:%d: ", path, at))
			if want == "" && len(pair.got) > 0 || want != "" && !one {
				t.Errorf("%s with %q: %s %v, want %q", c.line, c.encrypted, kind, pair.got, want)
			}
		}
	}
}

// TestALineThatBlocksImportIsCheckedOnce binds the block of DNS over TLS to another
// address, which no client queries first.
func TestALineThatBlocksImportIsCheckedOnce(t *testing.T) {
	dir := certificates(t)
	path := filepath.Join(dir, "Corefile")
	const text = `(resolver) {
    ddr {
        designate dns.carrier.example dot
        designate dns.carrier.example doq
    }
}
. {
    bind 192.0.2.53
    import resolver
}
tls://. {
    bind 192.0.2.54
    tls DIR/good.crt DIR/good.key
    import resolver
}
`
	fixture.Write(t, path, strings.ReplaceAll(text, "DIR", dir))
	faults, warnings := Check(path)
	if want := path + ":4: designate dns.carrier.example.: doq: no server block serves quic://.:853"; len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want) {
		t.Errorf("faults %v, want one: %s", faults, want)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings %v, want none", warnings)
	}
	all, err := Designations(path)
	if err != nil || len(all) != 2 {
		t.Errorf("%d designations, %v, want two", len(all), err)
	}
}
