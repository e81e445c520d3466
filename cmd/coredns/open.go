package main

import (
	"bytes"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/nearcast/nearcast/plugin/check"
)

func init() { caddy.RegisterEventHook("nearcast", warnOpen) }

// warnOpen logs, when a configuration takes effect, which parts of it answer everybody without a
// declaration that they should. It only warns: cluster resolvers based on CoreDNS are built that
// way.
func warnOpen(event caddy.EventName, info any) error {
	instance, ok := info.(*caddy.Instance)
	if event != caddy.InstanceStartupEvent || !ok {
		return nil
	}
	corefile := instance.Caddyfile()
	all, err := caddyfile.Parse(corefile.Path(), bytes.NewReader(corefile.Body()), nil)
	if err != nil {
		return err
	}
	for _, warning := range check.Open(corefile.Path(), all) {
		clog.Warningf("%v", warning)
	}
	return nil
}
