package blocks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
)

// TestAnOpenResolverIsReportedUnlessIntended has a block for each case.
func TestAnOpenResolverIsReportedUnlessIntended(t *testing.T) {
	const forward = "forward . 192.0.2.53\n"
	for block, open := range map[string]bool{
		". {\n" + forward + "}":                                                                   true,
		"tls://. {\n" + forward + "}":                                                             true,
		"https://.:8443 {\n" + forward + "}":                                                      true,
		". {\ngrpc . 192.0.2.53:53\n}":                                                            true,
		"example.org . {\n" + forward + "}":                                                       true,
		". {\nforward example.org 192.0.2.53 {\nmax_fails 1\n}\n" + forward + "}":                 true,
		"example.org {\n" + forward + "}":                                                         false,
		". {\nforward example.org 192.0.2.53\n}":                                                  false,
		". {\nwhoami\n}":                                                                          false,
		". {\nbind 127.0.0.1 ::1\n" + forward + "}":                                               false,
		". {\nbind lo\n" + forward + "}":                                                          false,
		". {\nbind 10.0.0.1 100.64.0.1 fd00::1 fe80::1\n" + forward + "}":                         false,
		". {\nbind 10.0.0.1 192.0.2.1\n" + forward + "}":                                          true,
		". {\nbind 0.0.0.0\n" + forward + "}":                                                     true,
		". {\nbind eth0\n" + forward + "}":                                                        true,
		". {\nview v {\nexpr true\n}\n" + forward + "}":                                           false,
		". {\nacl {\nallow net 10.0.0.0/8\nblock\n}\n" + forward + "}":                            false,
		". {\nacl {\nallow net 10.0.0.0/8\ndrop net *\n}\n" + forward + "}":                       false,
		". {\nacl {\nallow net 10.0.0.0/8\nfilter type * net 0.0.0.0/0 ::/0\n}\n" + forward + "}": false,
		". {\nacl {\nallow net *\n}\n" + forward + "}":                                            false,
		". {\nacl {\nallow net 0.0.0.0/0 ::/0\n}\n" + forward + "}":                               false,
		". {\nacl . {\nblock net 0.0.0.0/0\n}\nacl {\nblock net ::/0\n}\n" + forward + "}":        false,
		". {\nacl {\nallow net 10.0.0.0/8\n}\n" + forward + "}":                                   true,
		". {\nacl {\nblock net 10.0.0.0/8\n}\n" + forward + "}":                                   true,
		". {\nacl {\nblock net 0.0.0.0/0\n}\n" + forward + "}":                                    true,
		". {\nacl {\nblock type ANY\n}\n" + forward + "}":                                         true,
		". {\nacl {\nblock type ANY net *\n}\n" + forward + "}":                                   true,
		". {\nacl example.org {\nblock\n}\n" + forward + "}":                                      true,
	} {
		read, err := caddyfile.Parse("Corefile", strings.NewReader(block), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := Open("Corefile", read)
		if (len(got) > 0) != open || open && (len(got) != 1 || !strings.HasPrefix(fmt.Sprint(got), "[Corefile:")) {
			t.Errorf("%s\n%v, want open %v", block, got, open)
		}
	}
}
