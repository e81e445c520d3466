package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

// clouds are the modules of plugins that read zones from cloud services.
var clouds = regexp.MustCompile(`^(github\.com/(aws|Azure|DataDog|hashicorp/nomad)|google\.golang\.org/api|go\.etcd\.io)\b`)

// TestTheMinimalImageHasNoCloudClients uses coredns with all plugins as the control.
func TestTheMinimalImageHasNoCloudClients(t *testing.T) {
	count := 0
	for _, c := range image(t).modules {
		if clouds.MatchString(c.Name) {
			t.Errorf("%s is in the image", c.BOMRef)
		}
		count++
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "github.com/nearcast/nearcast/cmd/coredns").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	inClouds := 0
	for _, module := range strings.Fields(string(out)) {
		if !all[module] && clouds.MatchString(module) {
			inClouds++
		}
		all[module] = true
	}
	if inClouds < 10 {
		t.Errorf("%d of the modules of all plugins are cloud clients", inClouds)
	}
	t.Logf("%d modules; coredns with all plugins has %d", count, len(all))
}

// TestAPluginThatTheMinimalImageLacksIsRefusedWithItsLine tries the server and the command.
func TestAPluginThatTheMinimalImageLacksIsRefusedWithItsLine(t *testing.T) {
	dir, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	corefile := filepath.Join(t.TempDir(), "Corefile")
	fixture.Write(t, corefile, ".:0 {\n    bind 127.0.0.1\n    etcd example.org\n}\n")
	server := filepath.Join(dir, minimal, "coredns")
	command := exec.Command(server, "check", corefile)
	command.Args[0] = "nearcast"
	for program, wants := range map[*exec.Cmd]string{
		exec.Command(server, "-conf", corefile): ":3 - Error during parsing: Unknown directive 'etcd'",
		command:                                 ":3: etcd: unknown directive; the minimal image lacks this plugin; the image whose tag ends in -full has it",
	} {
		out, err := program.CombinedOutput()
		if err == nil || !strings.Contains(string(out), wants) {
			t.Errorf("%s: %v\n%s\nwant %s", program, err, out, wants)
		}
	}
}
