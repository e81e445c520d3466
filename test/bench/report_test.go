package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/test/usage"
)

// found returns a row with the given CPU per query, one per round.
func found(t target, cost ...float64) Row {
	r := Row{target: t, Loading: []time.Duration{time.Second}, LoadingCPU: []time.Duration{time.Second}, Rest: usage.Bytes{Proportional: 10 << 20}, Loaded: usage.Bytes{Proportional: 20 << 20, Resident: 30 << 20}}
	for _, c := range cost {
		r.Turns = append(r.Turns, Turn{Queries: 40_000, Lasted: time.Second, CPU: time.Duration(c * 40_000 * float64(time.Microsecond)), P50: 100 * time.Microsecond, P99: time.Millisecond, Steady: fixedRate})
	}
	return r
}

func comparison(cost ...float64) Table {
	bounds := []bound{{mark: 1, measure: perQuery, to: "whoami", most: 1.1, asserted: true}, {mark: 4, measure: perQuery, to: "absent", most: 1}}
	return Table{group: group{title: "Steering", text: "Text.", steady: true}, Rows: []Row{
		found(target{name: "whoami"}, 10, 20, 10), found(target{name: "nearcast", to: "whoami", bounds: bounds}, cost...),
	}}
}

func overThings(cost ...float64) Table {
	t := Table{group: group{title: "Growth over things", axis: "things", flat: 1}, Rows: []Row{found(target{name: "whoami"}, 10, 10)}}
	for i, c := range cost {
		t.Rows = append(t.Rows, found(target{name: "nearcast, " + count(1+10*i, "things"), to: "whoami", at: 1 + 10*i}, c, c))
	}
	return t
}

func opened(p99 ...time.Duration) Table {
	t := Table{group: group{title: "Evenness", text: "Text.", open: true}, Rows: []Row{found(target{name: "gdnsd"}, 5, 5), found(target{name: "nearcast", to: "gdnsd", bounds: even(open99, "gdnsd", 1.1)}, 6, 6)}}
	for i := range t.Rows {
		for range shares {
			spell := Spell{P50: time.Microsecond, P99: p99[i], P999: 2 * p99[i], Sent: 1000, Lost: i}
			t.Rows[i].Spells = append(t.Rows[i].Spells, []Spell{spell, spell})
		}
	}
	return t
}

func TestEveryLoadOfAnOpenLoopIsJudged(t *testing.T) {
	r := Results{Tables: []Table{opened(100*time.Microsecond, 110*time.Microsecond)}}
	verdicts := r.verdicts()
	if len(verdicts) != len(shares) {
		t.Fatalf("got %d verdicts", len(verdicts))
	}
	for i, v := range verdicts {
		if want := fmt.Sprintf("nearcast: p99 at %d %%", shares[i]); v.what != want || v.have != "1.10 ×" {
			t.Errorf("got %s: %s, want %s: 1.10 ×", v.what, v.have, want)
		}
	}
	text := r.report()
	for _, want := range []string{"| gdnsd | 1.00 | 100 | 100–100 | 200 | 200–200 | none |", "| nearcast | 1.00 | 110 | 110–110 | 220 | 220–220 | 0.100 % |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

// started returns what was found of a curve that was only started.
func started(seconds ...float64) Table {
	t := Table{group: group{title: "Size over things", axis: "things", idle: true}}
	for i, s := range seconds {
		r := found(target{name: "nearcast, " + count(1+10*i, "things"), at: 1 + 10*i, bounds: []bound{{mark: 8, measure: loading, most: 0.3}}})
		r.Loading = []time.Duration{time.Duration(s * float64(time.Second))}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func TestAStartIsReportedAndJudged(t *testing.T) {
	r := Results{Tables: []Table{started(0.2, 0.6)}}
	text := r.report()
	for _, want := range []string{
		"| nearcast, 1 thing | 0.20 | 0.20–0.20 | 1.00 | 30.0 | 0.00 |",
		"| 8 | nearcast, 1 thing: time to load | at most 0.3 | 0.20 | met |",
		"| 8 | nearcast, 11 things: time to load | at most 0.3 | 0.60 | **missed by 100 %** |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestLargeSizesAreLeftOutOnDemand(t *testing.T) {
	p := plan{groups: append(sizes(), overFunctions(10, 10_000))}
	left := p.below(1000).groups
	if len(left) != 2 || len(left[0].targets) != 3 || len(left[1].targets) != 3 {
		t.Errorf("got %v: want the three sizes of the first curve, nothing of the second, and all of the group that is loaded", left)
	}
	if len(p.groups[0].targets) != 6 {
		t.Error("the plan was modified")
	}
}

func TestARatioComparesValuesOfOneRound(t *testing.T) {
	// The baseline costs 10, 20 and 10. The medians are 20 and 10, but in most
	// rounds both cost the same.
	table := comparison(20, 20, 10)
	if got := table.relative(table.Rows[1]); got != 1 {
		t.Errorf("got a ratio of %f", got)
	}
}

func TestEveryQueryCountsTheSameAcrossRounds(t *testing.T) {
	r := found(target{}, 10, 40)
	r.Turns[1].Queries, r.Turns[1].CPU = 10_000, 400*time.Millisecond
	if got := r.overall(); got != 16 {
		t.Errorf("800 ms for 50,000 queries: got %f µs each", got)
	}
}

func TestAMissedTargetIsReportedAndFailsAnAssertedRun(t *testing.T) {
	for name, c := range map[string]struct {
		tables  []Table
		says    string
		failing bool
	}{
		"reached":            {[]Table{comparison(10, 20, 10)}, "| 1.00 × | met |", false},
		"missed":             {[]Table{comparison(22, 44, 22)}, "| 2.20 × | **missed by 100 %** |", true},
		"flat":               {[]Table{overThings(10, 10.5, 9.5)}, "| met |", false},
		"grows":              {[]Table{overThings(10, 10.5, 12)}, "| +20 % | **missed by 10 %** |", false},
		"shrinks by as much": {[]Table{overThings(10, 8)}, "| -20 % | **missed by 10 %** |", false},
	} {
		r := Results{Rounds: 3, Tables: c.tables}
		if text := r.report(); !strings.Contains(text, c.says) {
			t.Errorf("%s: the report lacks %q:\n%s", name, c.says, text)
		}
		if err := r.missed(); (err != nil) != c.failing {
			t.Errorf("%s: %v", name, err)
		}
		if got := len(r.verdicts()); got != 1 {
			t.Errorf("%s: got %d verdicts; targets that were not measured must not be judged", name, got)
		}
	}
}

func TestNoLatencyIsReportedForAServerThatCannotKeepUp(t *testing.T) {
	table := comparison(10, 20, 10)
	for i := range table.Rows[1].Turns {
		table.Rows[1].Turns[i].Steady = 5000
	}
	if text := table.markdown(); strings.Count(text, "fell behind") != 2 {
		t.Error(text)
	}
}

func TestATableWithoutAServerThatKeepsUpHasNoPictureOfLatency(t *testing.T) {
	table := comparison(10, 20, 10)
	before := len(table.plots())
	for i := range table.Rows {
		for n := range table.Rows[i].Turns {
			table.Rows[i].Turns[n].Steady = 5000
		}
	}
	if got := len(table.plots()); got != before-1 {
		t.Errorf("got %d pictures, want %d", got, before-1)
	}
	if err := (Results{Tables: []Table{table}}).drawAll(t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestEveryLineOfATableHasAsManyCells(t *testing.T) {
	for _, table := range []Table{comparison(10, 20, 10), overThings(10, 10.5)} {
		lines := strings.Split(strings.TrimSpace(table.markdown()), "\n")
		if len(lines) != 2+len(table.Rows) {
			t.Errorf("got %d lines for %d rows", len(lines), len(table.Rows))
		}
		for _, line := range lines {
			if got, want := strings.Count(line, "|"), strings.Count(lines[0], "|"); got != want {
				t.Errorf("got %d cells, want %d: %s", got, want, line)
			}
		}
	}
}

func TestThePlotsOfTheReportAreDrawn(t *testing.T) {
	r := Results{Rounds: 3, Tables: []Table{comparison(10, 20, 10), overThings(10, 10.5), opened(time.Millisecond, time.Second), started(1, 10)}}
	dir := t.TempDir()
	if err := r.drawAll(dir); err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\]\((RESULTS-[^)]*\.svg)\)`).FindAllStringSubmatch(r.report(), -1)
	if len(named) != 7 {
		t.Errorf("the report names %d plots", len(named))
	}
	for _, n := range named {
		f, err := os.Open(filepath.Join(dir, n[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		defer f.Close()
		d := xml.NewDecoder(f)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", n[1], err)
				break
			}
		}
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for f, want := range map[float64]string{0.29: "0.29", 4.126: "4.13", 26.05: "26.1", 99.98: "100", 9.999: "10.0", 133: "133", 41_325.7: "41,326", 1_000_000: "1,000,000"} {
		if got := figure(f); got != want {
			t.Errorf("%v: got %s", f, got)
		}
	}
}
