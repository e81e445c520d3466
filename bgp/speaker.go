package bgp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/nearcast/nearcast/internal/admin"
)

const (
	// retry is how soon routes are declared again after the announcer failed.
	retry = time.Second
	// closing bounds the withdrawal at the end: a peer that does not read must
	// not keep the process from ending.
	closing = 5 * time.Second
)

// speaker drives one Controller. Its loop alone touches the Controller's
// judgement; mu lets the admin socket read it.
type speaker struct {
	config    *Config
	announcer Announcer
	log       *slog.Logger

	mu         sync.Mutex
	controller *Controller
	announced  []netip.Prefix // what the announcer last took
}

// result is one check's.
type result struct {
	vip, check int
	failure    error
}

// Run announces what the configuration and the checks say until ctx ends, then
// withdraws everything, ends the sessions and returns.
func Run(ctx context.Context, config *Config, announcer Announcer, log *slog.Logger) error {
	s := &speaker{config: config, announcer: announcer, log: log, controller: NewController(config.VIPs, time.Now())}
	if config.Admin != "" {
		socket, err := admin.Listen(config.Admin, s.handler())
		if err != nil {
			return errors.Join(err, announcer.Close(closing))
		}
		defer socket.Close()
	}
	checks, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	results := make(chan result)
	for v := range config.VIPs {
		for c := range config.VIPs[v].Checks {
			running.Go(func() { watch(checks, v, c, &config.VIPs[v].Checks[c], results) })
		}
	}
	s.loop(ctx, results)
	cancel()
	s.log.Info("withdrawing everything")
	// Before the checks have ended: one that hangs must not hold up the withdrawal.
	err := announcer.Close(closing)
	running.Wait()
	return err
}

// watch runs one check at its interval until ctx ends.
func watch(ctx context.Context, vip, index int, check *Check, results chan<- result) {
	tick := time.NewTicker(check.Interval)
	defer tick.Stop()
	for {
		err := check.Run(ctx)
		if ctx.Err() != nil {
			return // the failure is ours
		}
		select {
		case <-ctx.Done():
			return
		case results <- result{vip, index, err}:
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// loop declares the desired routes whenever they change.
func (s *speaker) loop(ctx context.Context, results <-chan result) {
	var announced []netip.Prefix
	dirty := false // a Set that failed may have done a part of it
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-results:
			s.observe(r)
		case <-again.C:
		}
		s.mu.Lock()
		desired := s.controller.Desired()
		s.mu.Unlock()
		if !dirty && slices.Equal(desired, announced) {
			continue
		}
		if err := s.announcer.Set(desired); err != nil {
			dirty = true
			s.log.Error("announcing failed; it is tried again", "error", err)
			again.Reset(retry)
			continue
		}
		announced, dirty = desired, false
		s.mu.Lock()
		s.announced = desired
		s.mu.Unlock()
	}
}

func (s *speaker) observe(r result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.controller.Observe(r.vip, r.check, r.failure, time.Now()) {
		v := s.controller.Status()[r.vip]
		s.log.Info("vip changed", "vip", v.Address, "state", v.State, "reason", v.Reason)
	}
}

func (s *speaker) status() Status {
	s.mu.Lock()
	vips := s.controller.Status()
	for i := range vips {
		vips[i].Announced = slices.Contains(s.announced, host(s.config.VIPs[i].Address))
	}
	s.mu.Unlock()
	return Status{
		ASN: s.config.ASN, RouterID: s.config.RouterID.String(),
		Peers: s.announcer.Peers(), VIPs: vips,
	}
}

func (s *speaker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		admin.Reply(w, s.status(), http.StatusOK, nil)
	})
	return mux
}
