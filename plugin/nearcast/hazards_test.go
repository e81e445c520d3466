package nearcast

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
)

// TestCachesOfAnswersForwardedToNearcastAreReported has the layouts in which a cache
// cannot know that an answer depends on the client, because another server gave it.
func TestCachesOfAnswersForwardedToNearcastAreReported(t *testing.T) {
	const ours = "fn.example.org:5300 tls://fn.example.org:8530 grpc://fn.example.org:4430 {\nbind 127.0.0.1\nnearcast\n}\n"
	for label, c := range map[string]struct{ corefile, want string }{
		"over TLS":                                    {". {\ncache\nforward . tls://127.0.0.1:8530\n}\n", "what this block forwards to tls://127.0.0.1:8530"},
		"over gRPC":                                   {". {\ncache\ngrpc . 127.0.0.1:4430\n}\n", "what this block forwards to 127.0.0.1:4430"},
		"over DNS to the port of gRPC":                {". {\ncache\nforward . 127.0.0.1:4430\n}\n", ""},
		"over gRPC to the port of DNS":                {". {\ncache\ngrpc . 127.0.0.1:5300\n}\n", ""},
		"the second of two lines":                     {". {\ncache\nforward example.net 192.0.2.1\nforward . 127.0.0.1:5300\n}\n", "forwards to 127.0.0.1:5300"},
		"an alias to a block that forwards":           {"example.com {\ncache\nfile db\n}\nfn.example.org {\nforward . 127.0.0.1:5300\n}\n", "if an alias of file leads to names that another block forwards to 127.0.0.1:5300"},
		"an alias to the root's":                      {"example.com {\ncache\ntemplate IN A\n}\n. {\nforward . 127.0.0.1:5300\n}\n", "if an alias of template"},
		"an alias to a block that forwards over gRPC": {"example.com {\ncache\nauto\n}\n. {\ngrpc fn.example.org 127.0.0.1:4430\n}\n", "if an alias of auto"},
		"an alias without a cache":                    {"example.com {\nfile db\n}\nfn.example.org {\nforward . 127.0.0.1:5300\n}\n", ""},
		"a cache without aliases":                     {"example.com {\ncache\nwhoami\n}\nfn.example.org {\nforward . 127.0.0.1:5300\n}\n", ""},
		"an alias on another port":                    {"example.com:54 {\ncache\nfile db\n}\nfn.example.org {\nforward . 127.0.0.1:5300\n}\n", ""},
		"an alias at another address":                 {"example.com {\nbind 192.0.2.1\ncache\nfile db\n}\nfn.example.org {\nbind 192.0.2.2\nforward . 127.0.0.1:5300\n}\n", ""},
		"an alias at one of two addresses":            {"example.com {\nbind 192.0.2.1 192.0.2.2\ncache\nfile db\n}\nfn.example.org {\nbind 192.0.2.2\nforward . 127.0.0.1:5300\n}\n", "if an alias of file"},
		"an alias only to names of others":            {"example.com {\ncache\nfile db\n}\nexample.net {\nforward . 127.0.0.1:5300\n}\n", ""},
		"an alias in nearcast's own":                  {"example.com:5300 {\nbind 127.0.0.1\ncache\nfile db\n}\n", ""},
	} {
		all, err := caddyfile.Parse("Corefile", strings.NewReader(c.corefile+ours), nil)
		if err != nil {
			t.Fatal(err)
		}
		warnings := hazards("Corefile", all, []steered{{len(all) - 1, []string{"fn.example.org."}, nil}})
		got := fmt.Sprint(warnings)
		if c.want == "" && len(warnings) > 0 || c.want != "" && (len(warnings) != 1 || !strings.HasPrefix(got, "[Corefile:") || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %q", label, got, c.want)
		}
	}
}

// TestPluginsThatAnswerUnsignedInASignedZoneAreReported has the plugins that may run
// before nearcast in a block.
func TestPluginsThatAnswerUnsignedInASignedZoneAreReported(t *testing.T) {
	const where = "Corefile:2: "
	for line, want := range map[string]string{
		"any": where + "any answers queries for ANY", "local": where + "local answers names that begin with localhost",
		"dns64": where + "dns64 answers queries for AAAA", "siit {\nipv6_prefix 64:ff9b::/96\n}": where + "siit answers queries for A ",
		"acl {\nallow net 127.0.0.0/8\nblock\n}": "", "chaos": "", "rrl": "", "cache": "",
	} {
		all, err := caddyfile.Parse("Corefile", strings.NewReader("fn.example.org {\n"+line+"\nnearcast\n}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		zones := []string{"fn.example.org."}
		if got := hazards("Corefile", all, []steered{{0, zones, nil}}); len(got) > 0 {
			t.Errorf("%s, unsigned: %v", line, got)
		}
		got := hazards("Corefile", all, []steered{{0, zones, zones}})
		if (want == "") != (len(got) == 0) || want != "" && !strings.HasPrefix(got[0].Error(), want) {
			t.Errorf("%s: %v, want %s", line, got, want)
		}
	}
}
