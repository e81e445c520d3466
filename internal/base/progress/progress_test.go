package progress

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var karmada = Job{Doing: "building Karmada", Why: "the suite karmada runs it", Takes: "10 minutes on 2 cores", Kept: "/cache/controlplane"}

// TestMain keeps jobs that only tests have out of the times of `make test`.
func TestMain(m *testing.M) {
	os.Unsetenv(Times)
	os.Exit(m.Run())
}

func TestALongJobIsReportedBeforeWhileAndAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		err := karmada.Run(&out, func(step func(string)) error {
			time.Sleep(Interval + time.Second)
			step("compiling etcd")
			time.Sleep(Interval)
			return nil
		})
		want := `building Karmada: about 10 minutes on 2 cores the first time; the suite karmada runs it; kept in /cache/controlplane
building Karmada: 20s so far
building Karmada: 40s so far; compiling etcd
building Karmada: done after 41s
`
		if err != nil || out.String() != want {
			t.Errorf("got error %v and\n%s\nwant\n%s", err, &out, want)
		}
	})
}

func TestNoSilenceLastsHalfAMinute(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			out := &clocked{}
			j := karmada
			j.After = after
			_ = j.Run(out, func(func(string)) error {
				time.Sleep(9*time.Minute + 7*time.Second)
				return nil
			})
			began := out.at[0].Add(-after)
			for i, at := range out.at {
				if i > 0 {
					began = out.at[i-1]
				}
				if silent := at.Sub(began); silent > 30*time.Second {
					t.Errorf("After %s: no line for %s", after, silent)
				}
			}
			if len(out.at) < 20 {
				t.Errorf("After %s: got %d lines in nine minutes, want one every 20 s", after, len(out.at))
			}
		})
	}
}

// clocked records when lines are written.
type clocked struct{ at []time.Time }

func (c *clocked) Write(p []byte) (int, error) {
	c.at = append(c.at, time.Now())
	return len(p), nil
}

func TestAJobThatEndsSoonIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := filepath.Join(t.TempDir(), "times")
		t.Setenv(Times, times)
		var out strings.Builder
		j := karmada
		j.After = 5 * time.Second
		_ = j.Run(&out, func(func(string)) error {
			time.Sleep(4 * time.Second)
			return nil
		})
		if out.Len() > 0 {
			t.Errorf("got %q for a job of 4 s, want nothing", &out)
		}
		if _, err := os.Stat(times); err == nil {
			t.Error("its time is recorded")
		}
	})
}

func TestAFailureIsReturnedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		broken := errors.New("disk full")
		err := karmada.Run(&out, func(func(string)) error {
			time.Sleep(3 * time.Second)
			return broken
		})
		if !errors.Is(err, broken) || !strings.HasSuffix(out.String(), "building Karmada: failed after 3s\n") {
			t.Errorf("got error %v and\n%s", err, &out)
		}
	})
}

func TestTimesAreAppendedToTheFileThatTheEnvironmentNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := filepath.Join(t.TempDir(), "times")
		t.Setenv(Times, times)
		for _, doing := range []string{"building Karmada", "building kwok"} {
			_ = Job{Doing: doing}.Run(&strings.Builder{}, func(func(string)) error {
				time.Sleep(612 * time.Second)
				return nil
			})
		}
		got, err := os.ReadFile(times)
		if want := "612\tbuilding Karmada\n612\tbuilding kwok\n"; err != nil || string(got) != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
		t.Setenv(Times, filepath.Join(t.TempDir(), "missing", "times"))
		var out strings.Builder
		if err := karmada.Run(&out, func(func(string)) error { return nil }); err != nil || !strings.Contains(out.String(), "its time is not recorded") {
			t.Errorf("got error %v and\n%s", err, &out)
		}
	})
}
