package main

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind" // for the Corefiles of scenarios
	_ "github.com/coredns/coredns/plugin/file"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nearcast/nearcast/internal/base/directives"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nearcast": main})
}

// TestScripts runs the scenarios of testdata: files, commands and what they print.
func TestScripts(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d scenarios, %v", len(entries), err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serveCorefile}})
}

// prepare sets this process up to run servers.
var prepare = sync.OnceValue(func() error {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	return directives.Install()
})

// start runs a server of the Corefile.
func start(corefile string) (*caddy.Instance, error) {
	if err := prepare(); err != nil {
		return nil, err
	}
	return caddy.Start(caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"})
}

// serving is held by the scenario whose server runs: the plugins take a second server in this
// process for a reload.
var serving sync.Mutex

// serveCorefile runs a server of the Corefile until the scenario ends; WORK stands for the
// scenario's directory and LOOPBACK for an address.
func serveCorefile(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.NewReplacer("WORK", ts.Getenv("WORK"), "LOOPBACK", fixture.AnotherLoopback()).Replace(ts.ReadFile(args[0]))
	serving.Lock()
	ts.Defer(serving.Unlock)
	instance, err := start(text)
	ts.Check(err)
	ts.Defer(func() { stop(instance) })
}

// stop stops a server.
func stop(instance *caddy.Instance) {
	client := dns.Client{Timeout: time.Second}
	// A server that never served cannot be stopped.
	_, _, _ = client.Exchange(new(dns.Msg).SetQuestion("warm-up.invalid.", dns.TypeA), instance.Servers()[0].LocalAddr().String())
	instance.ShutdownCallbacks()
	_ = instance.Stop() // the rest ends with the test
}
