package bgp

import (
	"context"
	"fmt"
	"reflect"
	"time"

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
func (s *speaker) takeLocal(local Declared) {
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
	var before texts
	s.do(ctx, func() { files, before = s.Config.files(s.Path), s.texts })
	is := textsOf(files) // read here, because the loop must not wait for a disk
	if is == before {
		s.metrics.reloaded(true)
		return
	}
	config, warnings, err := loadAndWarn(s.Path)
	s.do(ctx, func() {
		s.texts = texts{}
		if err == nil {
			err = s.take(config)
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
func (s *speaker) take(config *Config) error {
	before := s.Config
	if s.controller.Stopping() || reflect.DeepEqual(before, config) {
		return nil
	}
	if err := before.fixed(config); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	// A peer that is not possible now is retried with the next change.
	s.Config = config
	if err := s.findPeers(config.States.Draining.Dwell); err != nil {
		s.Log.Error("peers", "error", err)
	}
	s.controller.Configure(config)
	s.declare(time.Now())
	s.Log.Info("configuration reloaded")
	return nil
}
