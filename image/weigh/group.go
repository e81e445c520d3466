package main

import (
	"regexp"
	"strings"
)

// groups are packages that come together, in the order in which they are tried.
var groups = []struct {
	name     string
	packages *regexp.Regexp
}{
	{"Nearcast", regexp.MustCompile(`^(github\.com/nearcast/|main$)`)},
	{"Kubernetes: the types of `core/v1`", regexp.MustCompile(`^k8s\.io/api/core/v1`)},
	{"Kubernetes and Karmada: other types", regexp.MustCompile(`^(k8s\.io/(api|apiextensions-apiserver)/|github\.com/karmada-io/)`)},
	{"Kubernetes: the client, and its encodings", regexp.MustCompile(`^(k8s\.io/|sigs\.k8s\.io/|github\.com/(json-iterator|modern-go|fxamacker|x448|google/gnostic|go-openapi)|gopkg\.in/inf)`)},
	{"CoreDNS and DNS", regexp.MustCompile(`^github\.com/(coredns/|miekg/dns|dnstap/|farsightsec/|flynn/go-shlex|pires/go-proxyproto)`)},
	{"GoBGP and netlink", regexp.MustCompile(`^github\.com/(osrg/gobgp|vishvananda|eapache|k-sone|dgryski|segmentio/fasthash|orcaman)`)},
	{"GoBGP's configuration files: viper, TOML", regexp.MustCompile(`^github\.com/(spf13/(viper|afero|cast)|pelletier|go-viper|sagikazarmark|sourcegraph|subosito)`)},
	{"gRPC and protobuf", regexp.MustCompile(`^(google\.golang\.org/|github\.com/golang/protobuf)`)},
	{"QUIC and HTTP/3", regexp.MustCompile(`^github\.com/quic-go/`)},
	{"Prometheus", regexp.MustCompile(`^github\.com/(prometheus|beorn7|mwitkow|munnerz)`)},
	{"ACME, for *tls*", regexp.MustCompile(`^(github\.com/(caddyserver/|mholt/|libdns/|klauspost/cpuid|zeebo)|go\.uber\.org/)`)},
	{"expressions, for *view*", regexp.MustCompile(`^github\.com/(expr-lang|antonmedv)`)},
	{"locations: prefixes and databases", regexp.MustCompile(`^github\.com/(gaissmai|oschwald)`)},
	{"YAML", regexp.MustCompile(`^(go\.yaml\.in|gopkg\.in/yaml)`)},
	{"the command line", regexp.MustCompile(`^github\.com/spf13/`)},
	{"Go: TLS and cryptography", regexp.MustCompile(`^((vendor/)?golang\.org/x/crypto|crypto)\b`)},
	{"Go: HTTP", regexp.MustCompile(`^(net/http|((vendor/)?golang\.org/x/net/http))`)},
	{"Go: the rest of its library, and the runtime", regexp.MustCompile(`^((vendor/)?golang\.org/x/|[a-z0-9]+(/|$))`)},
}

// others is the group of packages that have none.
const others = "others"

func groupOf(pkg string) string {
	for _, g := range groups {
		if g.packages.MatchString(pkg) {
			return g.name
		}
	}
	return others
}

// packageOf returns the path of the package of a function, by its name in the program's symbols. What a
// type's use makes, such as its comparison, is the type's.
func packageOf(symbol string) string {
	for _, prefix := range []string{"type:.eq.", "type:.hash.", "go:"} {
		symbol = strings.TrimPrefix(symbol, prefix)
	}
	symbol = strings.TrimLeft(symbol, "(*[]0123456789")
	if at := strings.IndexAny(symbol, "[("); at >= 0 { // type arguments have paths too
		symbol = symbol[:at]
	}
	from := strings.LastIndexByte(symbol, '/') + 1
	if dot := strings.IndexByte(symbol[from:], '.'); dot >= 0 {
		symbol = symbol[:from+dot]
	}
	return strings.ReplaceAll(symbol, "%2e", ".")
}
