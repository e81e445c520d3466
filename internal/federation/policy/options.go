package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options holds the words after a policy's name. Each method removes one option and
// stores the first error.
type options struct {
	left  []string
	known []string
	err   error
}

func (o *options) flag(name string) bool {
	o.known = append(o.known, name)
	i := slices.Index(o.left, name)
	if i < 0 {
		return false
	}
	o.left = slices.Delete(o.left, i, i+1)
	return true
}

// values takes "name V…" with count values; nil if it is absent.
func (o *options) values(name, usage string, count int) []string {
	o.known = append(o.known, name+" "+usage)
	i := slices.Index(o.left, name)
	if i < 0 {
		return nil
	}
	if len(o.left) < i+1+count {
		o.fail("%s takes %s", name, usage)
		o.left = o.left[:i]
		return nil
	}
	taken := slices.Clone(o.left[i+1 : i+1+count])
	o.left = slices.Delete(o.left, i, i+1+count)
	return taken
}

func (o *options) duration(name string, otherwise time.Duration) time.Duration {
	v := o.values(name, "D", 1)
	if v == nil {
		return otherwise
	}
	return o.parseDuration(name, v[0])
}

// perRuntime takes any number of "name RUNTIME D".
func (o *options) perRuntime(name string) map[string]time.Duration {
	durations := map[string]time.Duration{}
	for v := o.values(name, "RUNTIME D", 2); v != nil; v = o.values(name, "RUNTIME D", 2) {
		durations[v[0]] = o.parseDuration(name, v[1])
		o.known = o.known[:len(o.known)-1]
	}
	return durations
}

func (o *options) parseDuration(name, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > time.Hour {
		o.fail("%s: %q is not a duration from 0s to 1h", name, text)
	}
	return d
}

func (o *options) number(name string, otherwise, most float64) float64 {
	v := o.values(name, "N", 1)
	if v == nil {
		return otherwise
	}
	n, err := strconv.ParseFloat(v[0], 64)
	if err != nil || !(n >= 0 && n <= most) {
		o.fail("%s: %q is not a number from 0 to %g", name, v[0], most)
	}
	return n
}

// share takes "name N%"; 0 if it is absent.
func (o *options) share(name string) float64 {
	v := o.values(name, "N%", 1)
	if v == nil {
		return 0
	}
	text, ok := strings.CutSuffix(v[0], "%")
	n, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || !(n >= 0 && n <= 100) {
		o.fail("%s: %q is not a share from 0%% to 100%%", name, v[0])
	}
	return n / 100
}

// whenDown takes "when-down …"; nil if it is absent.
func (o *options) whenDown() *WhenDown {
	const name = "when-down"
	o.known = append(o.known, name+" answer|fail|fallback ADDRESS...|NAME")
	i := slices.Index(o.left, name)
	if i < 0 {
		return nil
	}
	w, used, err := parseWhenDown(o.left[i+1:])
	if err != nil {
		o.fail("%s: %w", name, err)
		used = len(o.left) - i - 1
	}
	o.left = slices.Delete(o.left, i, i+1+used)
	return w
}

// most takes the number of clusters in an answer, which is directly behind the policy's name; 1
// if it is absent.
func (o *options) most() int {
	o.known = append(o.known, "N")
	if len(o.left) == 0 || strings.Trim(o.left[0], "0123456789") != "" {
		return 1
	}
	n, err := strconv.Atoi(o.left[0])
	if err != nil || n < 1 || n > mostAnswered {
		o.fail("%q is not a number of clusters from 1 to %d", o.left[0], mostAnswered)
	}
	o.left = o.left[1:]
	return n
}

// mostAnswered bounds the clusters in an answer, which has to fit into a datagram.
const mostAnswered = 16

func (o *options) fail(format string, args ...any) {
	if o.err == nil {
		o.err = fmt.Errorf(format, args...)
	}
}

func (o *options) finish() error {
	if o.err == nil && len(o.left) > 0 {
		o.fail("unknown option %q; known options: %s", o.left[0], strings.Join(o.known, ", "))
	}
	return o.err
}
