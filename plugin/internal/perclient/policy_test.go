package perclient_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// TestNoCacheGivesAClientAnothersPolicy applies a policy for only some clients to the
// target of an alias: the cache in front of the alias sees neither.
func TestNoCacheGivesAClientAnothersPolicy(t *testing.T) {
	const (
		alias  = "file DIR/db.alias.test alias.test\n"
		target = "file DIR/db.target.test target.test\n"
	)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"db.alias.test":       "$ORIGIN alias.test.\n" + soa + "www 300 CNAME name.target.test.\n",
		"db.target.test":      "$ORIGIN target.test.\n" + soa + "name 300 A 192.0.2.99\n",
		"db.policy.test":      "$ORIGIN policy.test.\n" + soa + "name.target.test 300 A 192.0.2.66\n",
		"db.byclient.test":    "$ORIGIN byclient.test.\n" + soa + "32.1.1.0.127.rpz-client-ip 300 A 192.0.2.66\n",
		"federation/all.yaml": fixture.ThreeWith(functions...),
	} {
		fixture.Write(t, filepath.Join(dir, name), text)
	}
	policy := map[string]string{
		"clients":   "rpz {\nzone policy.test {\nfile DIR/db.policy.test\nclients 127.0.1.0/24\n}\n}\n",
		"client-ip": "rpz {\nzone byclient.test {\nfile DIR/db.byclient.test\n}\n}\n",
	}
	beside := map[string]string{
		"no function":                "",
		"functions in another block": "fn.example.org:0 {\n" + bind + "nearcast {\ncluster mk-core\nmanifests DIR/federation\n}\n}\n",
	}
	for how, rules := range policy {
		for which, more := range beside {
			for where, corefile := range map[string]string{
				"one block":  ".:0 {\n" + bind + "cache\n" + rules + alias + target + "etcd\n}\n",
				"two blocks": ".:0 {\n" + bind + "cache\n" + alias + "etcd\n}\ntarget.test:0 {\n" + bind + rules + target + "}\n",
			} {
				if how == "client-ip" && where == "one block" {
					continue // these rules decide before there is an answer
				}
				for _, first := range []string{"127.0.1.1", "127.0.9.1"} {
					s := serve(t, corefile+more, "DIR", dir)
					for _, source := range []string{first, "127.0.1.1", "127.0.9.1", "127.0.1.1"} {
						want := "192.0.2.99"
						if source == "127.0.1.1" {
							want = "192.0.2.66"
						}
						for _, bits := range []bool{false, true} {
							if got := substance(s.ask(asker{source: source}, "www.alias.test.", dns.TypeA, bits)); !strings.Contains(got, " a "+want) {
								t.Errorf("%s, %s, %s, first %s: %s got %s, want %s", how, which, where, first, source, got, want)
							}
						}
					}
				}
			}
		}
	}
}

// TestNoCacheGivesAClientWhatAnotherViewAnswers has an alias to a zone that nearcast
// answers for some clients, and a file for the others.
func TestNoCacheGivesAClientWhatAnotherViewAnswers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"db.alias.test":       "$ORIGIN alias.test.\n" + soa + "www 300 CNAME hello.demo.fn.example.org.\n",
		"db.functions":        "$ORIGIN fn.example.org.\n" + soa + "hello.demo 300 A 192.0.2.99\n",
		"federation/all.yaml": fixture.ThreeWith(functions...),
	} {
		fixture.Write(t, filepath.Join(dir, name), text)
	}
	const (
		cached   = ".:0 {\n" + bind + "cache\nfile DIR/db.alias.test alias.test\netcd\nCATCHALL}\n"
		view     = "view inside {\nexpr incidr(client_ip(), '127.0.1.0/24')\n}\n"
		nearcast = "nearcast fn.example.org {\ncluster mk-core\nmanifests DIR/federation\n}\n"
		file     = "file DIR/db.functions fn.example.org\n"
	)
	block := func(lines string) string { return "fn.example.org:0 {\n" + bind + lines + "}\n" }
	for layout, c := range map[string]struct{ corefile, inside, outside string }{
		"a file inside":            {strings.Replace(cached, "CATCHALL", "", 1) + block(view+file) + block(nearcast), "192.0.2.99", "192.0.2.1"},
		"functions inside":         {strings.Replace(cached, "CATCHALL", "", 1) + block(view+nearcast) + block(file), "192.0.2.1", "192.0.2.99"},
		"the rest in the cache's":  {strings.Replace(cached, "CATCHALL", file, 1) + block(view+nearcast), "192.0.2.1", "192.0.2.99"},
		"a file for a name inside": {strings.Replace(cached, "CATCHALL", nearcast, 1) + strings.Replace(block(view+file), "fn.", "demo.fn.", 1), "192.0.2.99", "192.0.2.1"},
	} {
		if layout == "a file for a name inside" {
			c.corefile = strings.Replace(c.corefile, "db.functions fn.", "db.demo demo.fn.", 1)
			fixture.Write(t, filepath.Join(dir, "db.demo"), "$ORIGIN demo.fn.example.org.\n"+soa+"hello 300 A 192.0.2.99\n")
		}
		for _, first := range []string{"127.0.1.1", "127.0.9.1"} {
			s := serve(t, c.corefile, "DIR", dir)
			for _, source := range []string{first, "127.0.1.1", "127.0.9.1", "127.0.1.1"} {
				want := c.outside
				if source == "127.0.1.1" {
					want = c.inside
				}
				if got := substance(s.ask(asker{source: source}, "www.alias.test.", dns.TypeA, false)); !strings.Contains(got, " a "+want) {
					t.Errorf("%s, first %s: %s got %s, want %s", layout, first, source, got, want)
				}
			}
		}
	}
}

// TestNoCacheGivesAClientWhatAnotherIsRefused has an alias to functions, and to names of
// a file, that only some clients may query.
func TestNoCacheGivesAClientWhatAnotherIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "federation"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"db.alias.test":       "$ORIGIN alias.test.\n" + soa + "www 300 CNAME hello.demo.fn.example.org.\nfiled 300 CNAME name.target.test.\n",
		"db.target.test":      "$ORIGIN target.test.\n" + soa + "name 300 A 192.0.2.1\n",
		"federation/all.yaml": fixture.ThreeWith(functions...),
	} {
		fixture.Write(t, filepath.Join(dir, name), text)
	}
	for _, otherwise := range []string{"block", "filter"} {
		acl := "acl {\nallow net 127.0.1.0/24\n" + otherwise + "\n}\n"
		corefile := ".:0 {\n" + bind + "cache\nfile DIR/db.alias.test alias.test\netcd\n}\n" +
			"fn.example.org:0 {\n" + bind + acl + "nearcast {\ncluster mk-core\nmanifests DIR/federation\n}\n}\n" +
			"target.test:0 {\n" + bind + acl + "file DIR/db.target.test\n}\n"
		for _, name := range []string{"www.alias.test.", "filed.alias.test."} {
			for _, first := range []string{"127.0.1.1", "127.0.9.1"} {
				s := serve(t, corefile, "DIR", dir)
				for _, source := range []string{first, "127.0.1.1", "127.0.9.1", "127.0.1.1"} {
					got := substance(s.ask(asker{source: source}, name, dns.TypeA, false))
					if strings.Contains(got, " a 192.0.2.1") != (source == "127.0.1.1") {
						t.Errorf("%s, %s, first %s: %s got %s", otherwise, name, first, source, got)
					}
				}
			}
		}
	}
}
