package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const printed = `DNS Performance Testing Tool
Version 2.10.0

[Status] Testing complete (time limit)

Statistics:

  Queries sent:         %d
  Queries completed:    %d (100.00%%)
  Queries lost:         %d (0.00%%)

  Response codes:       %s
  Average packet size:  request 64, response 143
  Run time (s):         2.500000
  Queries per second:   19972.796371

  Average Latency (s):  0.000399 (min 0.000017, max 0.009739)
`

func TestLoadIsRead(t *testing.T) {
	var lines strings.Builder
	for n := range 200 { // 1 to 200 µs, the greatest first
		fmt.Fprintf(&lines, "> NOERROR binary input 0.%06d\n", 200-n)
	}
	lines.WriteString("> T binary input\n[Timeout] Query timed out: msg id 7\n")
	got, err := parseLoad(strings.NewReader(lines.String() + fmt.Sprintf(printed, 50_001, 50_000, 1, "NOERROR 50000 (100.00%)")))
	if err != nil {
		t.Fatal(err)
	}
	if want := (load{answered: 50_000, lasted: 2500 * time.Millisecond, p50: 100 * time.Microsecond, p99: 198 * time.Microsecond}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.rate() != 20_000 {
		t.Errorf("got a rate of %f", got.rate())
	}
}

func TestALoadWithBadAnswersIsAnError(t *testing.T) {
	for what, text := range map[string]string{
		"lost":       fmt.Sprintf(printed, 1000, 990, 10, "NOERROR 990 (100.00%)"),
		"refused":    fmt.Sprintf(printed, 1000, 1000, 0, "REFUSED 1000 (100.00%)"),
		"some":       fmt.Sprintf(printed, 1000, 1000, 0, "NOERROR 999 (99.90%), SERVFAIL 1 (0.10%)"),
		"none":       fmt.Sprintf(printed, 0, 0, 0, ""),
		"nothing":    "",
		"no latency": "> NOERROR binary input\n" + fmt.Sprintf(printed, 1000, 1000, 0, "NOERROR 1000 (100.00%)"),
	} {
		if l, err := parseLoad(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got %+v", what, l)
		}
	}
}

func TestPercentilesAreMeasuredValues(t *testing.T) {
	one, hundred := []time.Duration{7}, make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	if percentile(one, 50) != 7 || percentile(one, 99) != 7 || percentile(hundred, 50) != 50 || percentile(hundred, 99) != 99 {
		t.Error(percentile(one, 50), percentile(one, 99), percentile(hundred, 50), percentile(hundred, 99))
	}
}
