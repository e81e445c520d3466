package download

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// answers is a server without a network: it answers each request as set, and records the
// time of each.
type answers struct {
	mu     sync.Mutex
	answer func(*http.Request) (*http.Response, error)
	at     []time.Time
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
	return a.answer(r)
}

// become sets the answer and forgets earlier requests.
func (a *answers) become(answer func(*http.Request) (*http.Response, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer, a.at = answer, nil
}

func (a *answers) gaps() (gaps []time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := 1; i < len(a.at); i++ {
		gaps = append(gaps, a.at[i].Sub(a.at[i-1]))
	}
	return gaps
}

// with returns an answer with a text.
func with(code int, header http.Header, body io.Reader) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if header == nil {
			header = http.Header{}
		}
		return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(body), ContentLength: 1 << 20, Request: r, ProtoMajor: 1}, nil
	}
}

func again(text string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return with(200, nil, strings.NewReader(text))(r) }
}

// runFor follows the answers for a while.
func runFor(t *testing.T, d time.Duration, a *answers, meanwhile func(*follower)) *follower {
	t.Helper()
	f := follow(t, nil, func(c *Config) { c.URL = "https://lists.example/one.rpz" })
	f.transport = a
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	if meanwhile != nil {
		meanwhile(f)
	}
	time.Sleep(d)
	cancel()
	<-ended
	return f
}

func within34(t *testing.T, what string, got, most time.Duration) {
	t.Helper()
	if got < most*3/4 || got > most {
		t.Errorf("%s: got %s, want from three quarters to the whole of %s", what, got, most)
	}
}

func TestAListIsRequestedAtItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{answer: again(first)}
		f := runFor(t, 48*time.Hour, a, nil)
		gaps := a.gaps()
		if len(gaps) < 47 || len(gaps) > 64 || len(f.published) != 1 {
			t.Fatalf("%d requests, %d lists", len(a.at), len(f.published))
		}
		different := false
		for _, g := range gaps {
			within34(t, "interval", g, time.Hour)
			different = different || g != gaps[0]
		}
		if !different {
			t.Error("no jitter")
		}
	})
}

func TestFailuresAreRetriedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{answer: func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }}
		runFor(t, 12*time.Hour, a, func(f *follower) {
			time.Sleep(2 * time.Hour)
			want := firstRetry
			for i, g := range a.gaps() {
				within34(t, "before the first list", g, min(want<<min(i, 10), mostFirstRetry))
			}
			a.become(again(first))
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if len(f.published) != 1 {
				t.Fatal("the list was not used when it arrived")
			}
			a.become(with(404, nil, strings.NewReader("")))
			time.Sleep(9 * time.Hour)
			gaps := a.gaps()
			if len(gaps) < 8 {
				t.Fatalf("%d requests", len(gaps)+1)
			}
			for i, g := range gaps {
				within34(t, "with a list", g, min(retry<<min(i, 10), time.Hour))
			}
		})
	})
}

func TestABusyServersRetryAfterIsObserved(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"7200": 2 * time.Hour, "31536000": 24 * time.Hour, "2": 0, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Sat, 01 Jan 2000 03:00:00 GMT": 3 * time.Hour, // synctest starts in 2000
		"Sat, 01 Jan 1999 03:00:00 GMT": 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &answers{answer: with(503, http.Header{"Retry-After": {text}}, strings.NewReader(""))}
			runFor(t, 25*time.Hour, a, nil)
			got := a.gaps()[0]
			if want > 0 && got != want || want == 0 && got > firstRetry {
				t.Errorf("%q: requested again after %s", text, got)
			}
		})
	}
}

// slow sends an octet, and the next after a pause.
type slow struct {
	wait time.Duration
	text string
	ctx  context.Context
}

func (s *slow) Read(p []byte) (int, error) {
	select {
	case <-time.After(s.wait):
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	p[0], s.text = s.text[0], s.text[1:]
	return 1, nil
}

func TestAListThatDoesNotArriveInTimeIsAbandoned(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		most time.Duration
		word string
	}{
		"nothing":  {time.Hour, idleTime, "no data received for 30s"},
		"stalls":   {idleTime + time.Second, idleTime, "no data received for 30s"},
		"trickles": {idleTime - time.Second, totalTime, "the response did not end in time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := follow(t, nil, func(c *Config) { c.URL = "https://lists.example/one.rpz" })
				f.transport = &answers{answer: func(r *http.Request) (*http.Response, error) {
					return with(200, nil, &slow{c.wait, first, r.Context()})(r)
				}}
				start := time.Now()
				got, err := f.once(t)
				if took := time.Since(start); got != "timeout" || !strings.Contains(err, c.word) || took != c.most {
					t.Errorf("%s after %s: %s", got, took, err)
				}
			})
		})
	}
}

// TestAListIsRequestedOnDemand demands an unchanged list, a new one and one that fails:
// each is requested at once, and the next request is then due as after any other.
func TestAListIsRequestedOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{answer: again(first)}
		runFor(t, 0, a, func(f *follower) {
			synctest.Wait()
			if p := f.Progress(); p.Result != Loaded || p.Err != nil || !p.Tried.Equal(time.Now()) {
				t.Errorf("after the first request: %+v", p)
			}
			for _, step := range []struct {
				answer func(*http.Request) (*http.Response, error)
				want   Result
				wait   time.Duration
			}{
				{again(first), Current, time.Hour},
				{again(second), Loaded, time.Hour},
				{with(404, nil, strings.NewReader("")), Status, retry},
				{again(second), Current, time.Hour},
			} {
				time.Sleep(time.Second)
				a.become(step.answer)
				got, err := f.Refresh(t.Context())
				if got != step.want || (err == nil) != (got != Status) || len(a.gaps()) != 0 {
					t.Errorf("got %s, %v, want %s", got, err, step.want)
				}
				p := f.Progress()
				if p.Result != got || !errors.Is(p.Err, err) || !p.Tried.Equal(time.Now()) {
					t.Errorf("%s: got %+v", step.want, p)
				}
				within34(t, string(step.want), time.Until(p.Next), step.wait)
			}
			hangs := make(chan struct{})
			a.become(func(*http.Request) (*http.Response, error) { <-hangs; return nil, errors.New("no route") })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if _, err := f.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) || !f.Progress().Next.IsZero() {
				t.Errorf("a request that hangs: got %v, %+v", err, f.Progress())
			}
			close(hangs)
		})
	})
}
