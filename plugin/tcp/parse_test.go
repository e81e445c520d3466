package tcp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestALineSetsOnlyWhatItNames(t *testing.T) {
	files := openFiles()
	for text, want := range map[string]string{
		"tcp {\nconnections 1000\n}":                 fmt.Sprint(bounds{1000, 250, 24, 56}),
		"tcp {\nnetwork 7\n}":                        fmt.Sprint(bounds{bounds{}.complete(files).all, 7, 24, 56}),
		"tcp {\nconnections 9\nnetwork 9 32 128\n}":  fmt.Sprint(bounds{9, 9, 32, 128}),
		"tcp {\nconnections 1\n}":                    fmt.Sprint(bounds{1, 1, 24, 56}),
		"tcp":                                        "Corefile:1 - Error during parsing: tcp has no settings",
		"tcp\n{\nconnections 9\n}":                   "Corefile:2 - Error during parsing: unexpected {: it belongs on the line of tcp",
		"tcp {\nconnections 9 {\nnetwork 3\n}\n}":    `Corefile:2 - Error during parsing: connections: unexpected "{" after it`,
		"tcp {\nconnections 9{\n}":                   `Corefile:2 - Error during parsing: "9{": a space is missing before the {`,
		"tcp 100":                                    `Corefile:1 - Error during parsing: unexpected "100"`,
		"tcp {\nclients 9\n}":                        `Corefile:2 - Error during parsing: unknown key "clients"; known keys: connections, network`,
		"tcp {\nconnections\n}":                      "Corefile:2 - Error during parsing: connections: takes one argument",
		"tcp {\nconnections 0\n}":                    `Corefile:2 - Error during parsing: connections: "0" is not a number from 1 to 1000000`,
		"tcp {\nconnections 9\nconnections 8\n}":     "Corefile:3 - Error during parsing: connections is set twice",
		"tcp {\nconnections 9\nnetwork 10\n}":        "Corefile:4 - Error during parsing: network 10 exceeds the total of 9 connections",
		"tcp {\nnetwork 10 24\n}":                    "Corefile:2 - Error during parsing: network: takes N [IPV4-LENGTH IPV6-LENGTH]",
		"tcp {\nnetwork 10 24 129\n}":                `Corefile:2 - Error during parsing: network: "129" is not a number from 0 to 128`,
		"tcp {\nconnections 9\n}\ntcp {\nnetwork 2}": "Corefile:4 - Error during parsing: tcp is in this server block twice, first on line 1",
	} {
		l, err := parseLine(caddy.NewTestController("dns", text))
		got := fmt.Sprint(l.bounds)
		if err != nil {
			got = strings.ReplaceAll(err.Error(), "Testfile", "Corefile")
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestBlocksThatDifferAreRefused covers starting and checking.
func TestBlocksThatDifferAreRefused(t *testing.T) {
	for second, want := range map[string]string{"connections 9": "", "connections 10": "Corefile:2 sets different ones"} {
		text := "a.example:0 {\ntcp {\nconnections 9\n}\nwhoami\n}\nb.example:0 {\ntcp {\n" + second + "\n}\nwhoami\n}\n"
		path := filepath.Join(t.TempDir(), "Corefile")
		fixture.Write(t, path, text)
		if got := fmt.Sprint(Check(path)); !strings.Contains(got, want) || (want == "") != (got == "[]") {
			t.Errorf("check says %s, want %q", got, want)
		}
		instance := &caddy.Instance{}
		err := caddy.ValidateAndExecuteDirectives(input(text), instance, true)
		if got := fmt.Sprint(err); !strings.Contains(got, want) || (want == "") != (err == nil) {
			t.Errorf("starting says %s, want %q", got, want)
		}
	}
}

// TestReadmeIsTrue starts every Corefile of the README, and checks that it documents
// every key and metric.
func TestReadmeIsTrue(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	dir := t.TempDir()
	fixture.Certificate(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), "dns.example")
	examples := 0
	for _, part := range strings.Split(readme, "~~~ corefile\n")[1:] {
		corefile, _, _ := strings.Cut(part, "~~~")
		corefile = strings.NewReplacer("/etc/nearcast", dir, "192.0.2.53", "127.0.0.1:1", "://. {", "://.:0 {\nbind "+fixture.Loopback()).Replace(corefile)
		instance, err := coredns.Start(corefile)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = instance.Stop() }() // it may not serve yet
		examples++
	}
	if examples < 1 {
		t.Error("there is no example")
	}
	for key := range keys {
		if !strings.Contains(readme, "\n    "+key+" ") || !strings.Contains(readme, "\n* `"+key+"`") {
			t.Errorf("the README does not document the key %s in its syntax and its text", key)
		}
	}
	for _, metric := range []string{"`coredns_tcp_connections`", "`coredns_tcp_cut_total{bound}`", "`" + string(byAll) + "`", "`" + string(byNetwork) + "`", "`" + string(byFiles) + "`"} {
		if !strings.Contains(readme, metric) {
			t.Errorf("the README does not document %s", metric)
		}
	}
	last := -1
	for _, section := range []string{"Name", "Description", "Syntax", "Metrics", "Examples", "Bugs", "See Also"} {
		i := strings.Index(readme, "\n## "+section+"\n")
		if i <= last {
			t.Errorf("%s is missing or out of order", section)
		}
		last = i
	}
}
