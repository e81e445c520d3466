package command

import (
	"strings"
	"testing"
)

// TestAFileIsKnownByItsContentWhateverItsName gives each content a name that has no meaning, or
// another one.
func TestAFileIsKnownByItsContentWhateverItsName(t *testing.T) {
	kinds := map[fileKind]map[string]string{
		kindManifest: {
			"an object":             "apiVersion: v1\nkind: Service\n",
			"with comments first":   "# x\n--- # y\nkind: Service\napiVersion: v1\n",
			"with quotes":           "\"apiVersion\": v1\n'kind': Service\n",
			"on one line":           "{apiVersion: v1, kind: Service}",
			"a list":                "- apiVersion: v1\n  kind: Service\n",
			"JSON":                  "{\n  \"apiVersion\": \"v1\"\n}",
			"JSON's lines":          `{"kind": "Service", "apiVersion": "v1"}` + "\n" + `{"kind": "Service"}`,
			"an array":              ` [{"apiVersion": "v1"}]`,
			"UTF-16":                "\xff\xfek\x00i\x00n\x00d\x00:\x00 \x00S\x00",
			"a byte order mark":     "\ufeffapiVersion: v1\nkind: Service\n",
			"carriage returns":      "\r\napiVersion: v1\r\nkind: Service\r\n",
			"a template":            "{{- if .Values.x }}\napiVersion: v1\nkind: Service\n{{- end }}\n",
			"a broken one":          "apiVersion: v1\nkind: [\n",
			"with a Corefile in it": "apiVersion: v1\nkind: ConfigMap\ndata:\n  Corefile: |\n    .:53 {\n      errors\n    }\n",
			"with a zone in it":     "apiVersion: v1\nkind: ConfigMap\ndata:\n  z: |\n    $TTL 60\n    @ SOA a. b. 1 2 3 4 5\n",
			"JSON of something":     `{"name": "x"}`,
		},
		kindSpeaker: {
			"a complete one": "asn: 64512\nrouterID: 192.0.2.1\n",
			"without asn":    "# site\nrouterID: 192.0.2.1\npeers: []\n",
			"only peers":     "peers:\n- address: 192.0.2.1\n",
			"only VIPs":      "---\nvips:\n- address: 192.0.2.1\n",
			"as JSON":        "{\n  \"asn\": 64512\n}",
			"on one line":    `{asn: 64512, peers: []}`,
			"a broken one":   "asn: 64512\npeers: [\n",
			"with quotes":    "\"asn\": 64512\n",
			"JSON's line":    `{"peers": []}`,
			"with env vars":  "asn: ${ASN}\n",
		},
		kindCorefile: {
			"one block":         ".:53 {\n    errors\n}\n",
			"two keys":          "a.example,\nb.example:5300 {\n  forward . 192.0.2.1\n}\n",
			"a snippet":         "(log) {\n\tlog\n}\n. {\n\timport log\n}\n",
			"ours":              "# x\nfn.example.org {\n    nearcast {\n        cluster a\n    }\n}\n",
			"a misspelt plugin": "fn.example.org {\n    nercast {\n        cluster a\n    }\n}\n",
			"an undotted zone":  "example {\n  rpz {\n  }\n}\n",
			"a broken one":      ". {\n  cache {\n",
			"carriage returns":  ".:53 {\r\n    errors\r\n}\r\n",
			"comments after":    ". { # all\n  direct # sockets\n}\n",
			"a template":        ". {\n  template IN A {\n    answer \"{{ .Name }} 60 IN CNAME x.\"\n  }\n}\n",
		},
		kindPolicyZone: {
			"like hagezi's":        "$TTL 300\n@ SOA localhost. root.localhost. 1 3600 600 86400 300\n  NS localhost.\nx.example CNAME .\n",
			"with comments first":  "; a list\n; of names\n$ORIGIN rpz.\n@ IN SOA a. b. 1 2 3 4 5\n",
			"with times and class": "rpz.example. 1h IN SOA a. b. 1 2 3 4 5\n",
			"with units of time":   "x.example 1h30m CNAME .\n",
			"a byte order mark":    "\ufeffx.example 60 CNAME .\n",
			"without an SOA":       "x.example CNAME .\n*.x.example CNAME .\n",
			"in small letters":     "@ in soa a. b. 1 2 3 4 5\n",
			"with tabs":            "x.example\t\tIN\tCNAME\t.\n",
			"an SOA over lines":    "@ 3600 IN SOA a. b. (\n 1 2 3 4 5 )\n",
			"carriage returns":     "$TTL 300\r\n@ SOA a. b. 1 2 3 4 5\r\n",
			"Latin-1 in comments":  "; caf\xe9\n$TTL 300\n@ SOA a. b. 1 2 3 4 5\n",
		},
		kindLocations: {
			"prefixes":           "10.0.0.0/8,mk\n2001:db8::/32,de\n",
			"comments first":     "# where, region\n\n10.0.0.0/8, mk\n",
			"systems":            "AS64500,us,us-1\n",
			"resolvers":          "resolver 192.0.2.53,de\n",
			"a bad line":         "somewhere\n10.0.0.0/8,mk\n",
			"RFC 8805's":         "192.0.2.0/24,US,US-AL,Alabaster,\n",
			"a byte order mark":  "\ufeff10.0.0.0/8,mk\n",
			"only IPv6":          "2001:db8::/32,de,de-he,50.1,8.6\n",
			"addresses":          "10.0.0.1,mk\n",
			"with a header line": "network,region\n10.0.0.0/8,mk\n",
		},
		kindDatabase: {
			"MaxMind's":                              strings.Repeat("\x00\x01", 4000) + "\xab\xcd\xefMaxMind.com\xe9",
			"any":                                    "\xab\xcd\xefMaxMind.com",
			"one that begins like a compressed file": "\x1f\x8b\x00\xab\xcd\xefMaxMind.com",
		},
	}
	for want, all := range kinds {
		for what, text := range all {
			for _, name := range []string{"noext", "file.txt", "file.conf", "file.dat", "file.csv", "file.rpz", "file.yaml", "Corefile"} {
				if kind, reason := kindOf(name, []byte(text)); kind != want || reason != "" {
					t.Errorf("%s: kind %d, want %d (%s) %s", what, kind, want, name, reason)
					break
				}
			}
		}
	}
}

func TestTheNameOfAFileDecidesIfItsContentDoesNot(t *testing.T) {
	for name, want := range map[string]fileKind{
		"a.yaml": kindManifest, "A.YML": kindManifest, "a.Json": kindManifest, "a.ndjson": kindManifest, "a.jsonl": kindManifest, "Kustomization": kindManifest,
		"a.csv": kindLocations, "A.CSV": kindLocations, "a.rpz": kindPolicyZone, "a.zone": kindPolicyZone,
		"Corefile": kindCorefile, "my.Corefile": kindCorefile, "Corefile.prod": kindCorefile,
		"a.mmdb": kindDatabase, "GeoLite2.MMDB": kindDatabase,
	} {
		if kind, reason := kindOf(name, []byte("nothing that is known\n")); kind != want || reason != "" {
			t.Errorf("%s: kind %d, want %d: %s", name, kind, want, reason)
		}
	}
}

func TestAFileThatNothingReadsIsNamedWithTheReason(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a.txt", "complete nonsense {\n", "is of an unknown kind: "},
		{"a", "ads.example.com\ntracker.example.net\n", "is of an unknown kind: "},
		{"hosts", "0.0.0.0 ads.example.com\n", "is of an unknown kind: "},
		{"a.md", "# Title\n\nThis is A text, with a list:\n- one\n", "is of an unknown kind: "},
		{"main.go", "package main\n\nfunc main() {\n\tfor {\n\t}\n}\n", "is of an unknown kind: "},
		{"a.css", ".a {\n  color: red;\n}\n", "is of an unknown kind: "},
		{"a.tf", "resource \"x\" \"y\" {\n  template = 1\n}\n", "is of an unknown kind: "},
		{"a.yaml", "", "is empty"},
		{"a.csv", "\ufeff\r\n \t\n", "is empty"},
		{"a.mmdb", "", "is empty"},
		{"a.rpz", "\x1f\x8b\x08\x00", "is compressed (gzip); decompress it"},
		{"a.yaml", "\x28\xb5\x2f\xfd\x04", "is compressed (zstd); decompress it"},
		{"a.mmdb.gz", "x", "is compressed (gzip); decompress it"},
		{"GeoLite2.tar.gz", "x", "is compressed (gzip); decompress it"},
		{"lists.zip", "PK\x03\x04", "is an archive (zip); unpack it"},
		{"a.rpz", "<!DOCTYPE html>\n<html>", "is an HTML page, which servers often send for a missing file"},
		{"a.csv", "<html><body>502 Bad Gateway", "is an HTML page"},
		{"coredns", "\x7fELF\x02\x01\x01\x00\x00", "is a binary file of an unknown kind"},
		{"a.yaml", "a: \x00\x01", "is a binary file"},
		{"a.yaml", strings.Repeat("# x\n", 300) + "\x00", "is a binary file"},
		{"a.png", "\x89PNG\x0d\x0a\x1a\x0a", "is a binary file"},
	} {
		if kind, reason := kindOf(c.name, []byte(c.text)); kind != kindUnknown || !strings.HasPrefix(reason, c.want) {
			t.Errorf("%s %.20q: kind %d, %q, want %q", c.name, c.text, kind, reason, c.want)
		}
	}
}

func TestATallyUsesSingularAndPlural(t *testing.T) {
	one := tally{}
	one.set("Corefile", unitBlock, 1)
	one.set("m/a.yaml", unitCluster, 2)
	one.set("m/a.yaml", unitFunction, 1)
	one.set("empty", unitRule, 0)
	two := tally{}
	two.set("./m/../m/a.yaml", unitCluster, 2) // the same file again
	two.set("m/b.yaml", unitCluster, 3)
	two.set("b.rpz", unitZone, 1)
	two.set("speaker", unitVIP, 2)
	for _, c := range []struct {
		read []tally
		want string
	}{
		{nil, "nothing"},
		{[]tally{one}, "1 server block, 2 clusters, 1 function in 2 files"},
		{[]tally{one, one}, "1 server block, 2 clusters, 1 function in 2 files"},
		{[]tally{one, two}, "1 server block, 5 clusters, 1 function, 1 policy zone, 2 VIPs in 5 files"},
	} {
		all := tally{}
		for _, read := range c.read {
			all.add(read)
		}
		if got := all.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
