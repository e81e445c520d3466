package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nearcast/nearcast/lab/process"
	"github.com/nearcast/nearcast/test/usage"
)

const (
	// maxVIPs is what the addresses of vipOf have room for.
	maxVIPs = 60_000
	// dwell and linger are the defaults: what SIGTERM is promised to take.
	dwell, linger = 10 * time.Second, 5 * time.Second
	// pollEvery is how exact times at the routers are.
	pollEvery = 5 * time.Millisecond
	// seldom is how often is asked what takes a router some work.
	seldom = 50 * time.Millisecond
	// tooLong is when a measurement is given up: what is worse is of no interest.
	tooLong = time.Minute
	// settling is what the speaker gets to come to rest.
	settling = 5 * time.Second
)

// vipOf is an address of a private network.
func vipOf(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, i%250+1) }

// fileOf is the speaker's file: each VIP has a check of its own.
func fileOf(dir string, vips, peers int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "asn: %d\nrouterID: %s\nmetrics: %s\nadmin: %s\n", speakerASN, speakerAddress, metricsAddress, filepath.Join(dir, "bgp.sock"))
	text.WriteString("peers:\n")
	for i := range peers {
		fmt.Fprintf(&text, "  - {address: %s, asn: %d, holdTime: 9s}\n", routerAddress(i), routerASN)
	}
	text.WriteString("vips:\n")
	for i := range vips {
		fmt.Fprintf(&text, "  - {address: %s, checks: [{tcp: {address: \"%s\"}}]}\n", vipOf(i), backendOf(i))
	}
	return text.String()
}

// scene is one speaker with its routers.
type scene struct {
	*world
	speaker  *process.Process
	bird     *bird
	routers  []router // bird too
	backends *backends
	vips     int
}

// measure has one speaker begin, rest, lose backends and end.
func measure(ctx context.Context, speaker program, vips, peers int, rest time.Duration) (r row, err error) {
	r = row{speaker: speaker.name, vips: vips, peers: peers}
	w, err := newWorld(peers)
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, w.logs())
		}
		err = errors.Join(err, w.close())
	}()
	s := &scene{world: w, vips: vips}
	if s.backends, err = w.startBackends(); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.backends.close()) }()
	if s.bird, s.routers, err = w.startRouters(peers); err != nil {
		return r, err
	}
	for _, router := range s.routers {
		defer router.close()
	}
	path, err := filepath.Abs(speaker.path)
	if err != nil {
		return r, err
	}
	file, err := w.file("speaker.yaml", fileOf(w.dir, vips, peers))
	if err != nil {
		return r, err
	}
	began := time.Now()
	if s.speaker, err = w.start(w.here, "speaker", path, "--config", file); err != nil {
		return r, err
	}
	for _, part := range []func(context.Context, *row) error{
		func(ctx context.Context, r *row) error { return s.converge(ctx, r, began) },
		func(ctx context.Context, r *row) error { return s.rest(ctx, r, rest) },
		s.loseBackends, s.end,
	} {
		err := part(ctx, &r)
		if late := (lateError{}); errors.As(err, &late) {
			r.missed = late.Error()
			return r, nil
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// converge waits until every router has every route.
func (s *scene) converge(ctx context.Context, r *row, began time.Time) (err error) {
	for _, router := range s.routers {
		if err := wait(ctx, "every route at every router", seldom, func() (bool, error) {
			n, err := router.routes()
			return n == s.vips, err
		}); err != nil {
			return err
		}
	}
	r.converged = time.Since(began)
	r.convergedCPU, err = usage.CPU(s.speaker.PID())
	return err
}

// rest observes the speaker while nothing happens.
func (s *scene) rest(ctx context.Context, r *row, rest time.Duration) error {
	if err := pause(ctx, settling); err != nil {
		return err
	}
	before, err := usage.CPU(s.speaker.PID())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, rest); err != nil {
		return err
	}
	after, err := usage.CPU(s.speaker.PID())
	if err != nil {
		return err
	}
	r.share = float64(after-before) / float64(time.Since(began))
	used, err := usage.Memory(s.speaker.PID())
	r.memory = used.Proportional
	return err
}

// loseBackends ends the victims one after the other.
func (s *scene) loseBackends(ctx context.Context, r *row) error {
	before, err := s.withdrawals()
	if err != nil {
		return err
	}
	for i, victim := range s.backends.victims[:min(victims, s.vips)] {
		if err := victim.Close(); err != nil {
			return err
		}
		first, last, err := s.withdrawn(ctx, vipOf(i)+"/32", time.Now())
		if err != nil {
			return err
		}
		r.first, r.last = append(r.first, first), append(r.last, last)
	}
	after, err := s.withdrawals()
	if err != nil {
		return err
	}
	if n := after.count - before.count; n > 0 {
		r.decision = time.Duration((after.sum - before.sum) / n * float64(time.Second))
	}
	return nil
}

// withdrawn returns when the first and the last router had no route to the prefix any more.
func (s *scene) withdrawn(ctx context.Context, prefix string, dead time.Time) (first, last time.Duration, err error) {
	routers := 0
	for _, router := range s.routers {
		routers += router.count()
	}
	err = wait(ctx, "the withdrawal of "+prefix, pollEvery, func() (bool, error) {
		have := 0
		for _, router := range s.routers {
			n, err := router.have(prefix)
			if err != nil {
				return false, err
			}
			have += n
		}
		last = time.Since(dead)
		if have < routers && first == 0 {
			first = last
		}
		return have == 0, nil
	})
	return first, last, err
}

// end has the speaker drain and end.
func (s *scene) end(ctx context.Context, r *row) error {
	began := time.Now()
	s.speaker.Signal(syscall.SIGTERM)
	if err := wait(ctx, "GRACEFUL_SHUTDOWN of every route", seldom, func() (bool, error) {
		leaving, err := s.bird.leaving()
		if leaving {
			r.leaving = time.Since(began)
		}
		return leaving || !s.speaker.Running(), err
	}); err != nil {
		return err
	}
	if err := wait(ctx, "the end of the speaker", pollEvery, func() (bool, error) { return !s.speaker.Running(), nil }); err != nil {
		return err
	}
	r.ended = time.Since(began)
	return nil
}

// lateError says what did not happen in time. It is a result.
type lateError struct{ what string }

func (e lateError) Error() string { return fmt.Sprintf("%s: not within %s", e.what, tooLong) }

// wait tries until done.
func wait(ctx context.Context, what string, every time.Duration, done func() (bool, error)) error {
	for began := time.Now(); ; {
		is, err := done()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case is:
			return nil
		case time.Since(began) > tooLong:
			return lateError{what}
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// median is the middle one, and most the greatest.
func median(all []time.Duration) time.Duration { return slices.Sorted(slices.Values(all))[len(all)/2] }
func most(all []time.Duration) time.Duration   { return slices.Max(all) }
