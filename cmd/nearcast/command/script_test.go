package command

import (
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/coredns/coredns/plugin/bind" // for the Corefiles of scenarios
	_ "github.com/coredns/coredns/plugin/file"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nearcast/nearcast/internal/testkit/coredns"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){Name: func() { os.Exit(Run()) }})
}

// TestScripts runs the scenarios of testdata: files, commands and what they print.
func TestScripts(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d scenarios, %v", len(entries), err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serveCorefile}})
}

// serving is held by the scenario whose server runs: the plugins take a second server in this
// process for a reload.
var serving sync.Mutex

// serveCorefile runs a server of the Corefile until the scenario ends; WORK stands for the
// scenario's directory and LOOPBACK for an address.
func serveCorefile(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.NewReplacer("WORK", ts.Getenv("WORK")).Replace(ts.ReadFile(args[0]))
	serving.Lock()
	ts.Defer(serving.Unlock)
	ts.Check(coredns.Prepare())
	instance, err := coredns.Start(text)
	ts.Check(err)
	ts.Defer(func() { _ = coredns.Stop(instance) }) // the rest ends with the test
}
