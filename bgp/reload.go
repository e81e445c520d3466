package bgp

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/nearcast/nearcast/bgp/cluster"
	"github.com/nearcast/nearcast/bgp/config"
	"github.com/nearcast/nearcast/internal/base/filewatch"
)

// follow passes to the loop what the file and the cluster declare.
func (s *speaker) follow() {
	if s.Path != "" {
		s.background.Go(func() { s.followFile(s.around) })
	}
	if s.Reload != nil {
		s.background.Go(func() { s.followSignal(s.around) })
	}
	if s.Cluster != nil {
		s.background.Go(func() { s.Cluster.Run(s.around, s.takeLocal) })
	}
}

// takeLocal applies what the cluster declares.
func (s *speaker) takeLocal(local cluster.Declared) {
	s.do(s.around, func() {
		s.local = local
		s.declare(time.Now())
	})
}

// followFile rereads the configuration whenever it, or a file that it names, changes.
func (s *speaker) followFile(ctx context.Context) {
	folders := s.Config.Folders(s.Path)
	list := func() ([]string, error) {
		s.do(ctx, func() { folders = s.Config.Folders(s.Path) })
		return folders, nil
	}
	warn := func(err error) { s.Log.Warn("cannot watch the configuration", "error", err) }
	if err := filewatch.Folders(ctx, list, func() { s.reload(ctx) }, warn); err != nil {
		warn(err)
	}
}

func (s *speaker) followSignal(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Reload:
			s.reload(ctx)
		}
	}
}

// reload reads the file if its content has changed, and puts it in force if it has no fault.
func (s *speaker) reload(ctx context.Context) {
	var files []string
	var before config.Digest
	s.do(ctx, func() { files, before = s.Config.Files(s.Path), s.texts })
	is := config.DigestOf(files) // read here, because the loop must not wait for a disk
	if is == before {
		s.metrics.reloaded(true)
		return
	}
	cfg, warnings, err := config.LoadAndWarn(s.Path)
	s.do(ctx, func() {
		s.texts = config.Digest{}
		if err == nil {
			err = s.take(cfg)
		}
		switch {
		case err == nil:
			s.fault, s.texts = "", is
			s.warn(warnings)
		case err.Error() != s.fault:
			s.fault = err.Error()
			s.Log.Error("rejected the configuration; keeping the last valid one", "error", err)
		}
		s.metrics.reloaded(err == nil)
	})
}

// take puts a configuration in force. An equal one changes nothing, and a speaker that is ending
// keeps the previous one.
func (s *speaker) take(cfg *config.Config) error {
	before := s.Config
	if s.controller.Stopping() || reflect.DeepEqual(before, cfg) {
		return nil
	}
	if err := before.CheckChange(cfg); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	// A peer that is not possible now is retried with the next change.
	s.Config = cfg
	if err := s.findPeers(cfg.States.Draining.Dwell); err != nil {
		s.Log.Error("peers", "error", err)
	}
	s.controller.Configure(cfg)
	s.declare(time.Now())
	s.Log.Info("configuration reloaded")
	return nil
}
