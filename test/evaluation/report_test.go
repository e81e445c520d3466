package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nearcast/nearcast/lab"
)

// made are results in which every cluster takes equally long: only the path differs.
func made() Results {
	r := Results{Rounds: 3}
	for round := range r.Rounds {
		for _, f := range Functions {
			for _, runtime := range lab.Runtimes {
				for _, c := range Countries {
					for i, p := range policies(nil) {
						site := functionSites()[i%len(functionSites())]
						switch p.Route {
						case "nearest":
							site = c.Resolver
						case "any":
						default:
							site = strings.TrimPrefix(p.Name, "at ")
						}
						rtt := roundTrip(c.Code, countryOf(site))
						r.Samples = append(r.Samples, Sample{Round: round, Function: f.Name, Runtime: runtime, Country: c.Code, Policy: p.Name, Cluster: site,
							Phases: Phases{Lookup: within, Connect: rtt, Exchange: rtt + 5*time.Millisecond, Cold: 4 * time.Millisecond, Processing: time.Millisecond}})
					}
				}
			}
		}
	}
	for _, m := range modes {
		j := Journey{Mode: m.Name, TTL: 5 * time.Second}
		for n := range 66 {
			at := time.Duration(n) * itinerary.Every
			c, on := itinerary.stop(0, at)
			if !on {
				break
			}
			cluster := c.Resolver
			if n == 25 || n == 26 { // the first two in Germany
				cluster = "hpc-kube"
			}
			j.Calls = append(j.Calls, Call{At: at, Country: c.Code, Cluster: cluster, Took: 20 * time.Millisecond})
		}
		r.Journeys = append(r.Journeys, j)
	}
	return r
}

func TestSavingsCompareTheSameRoundAndCountry(t *testing.T) {
	r := made()
	for _, c := range Countries {
		f := Filter{Function: "user-manager", Country: c.Code, Policy: "at " + farthest(c)}
		want := milliseconds(roundTrip(c.Code, countryOf(farthest(c))) - within)
		if got := r.saved(f, exchanged); len(got) != 9 || median(got) != want || quantile(got, 0) != want {
			t.Errorf("%s: got %v, want 9 of %v", c.Name, got, want)
		}
		if got := r.saved(f, first); median(got) != 2*want {
			t.Errorf("%s, first calls: got %v, want %v: one more handshake", c.Name, median(got), 2*want)
		}
	}
}

func TestAGapEndsWithTheFirstCallToTheNearestCluster(t *testing.T) {
	moves := made().Journeys[0].moves()
	if len(moves) != 2 || moves[0].Gap != time.Second || moves[0].Elsewhere != 2 || moves[1].Gap != 0 || moves[1].Elsewhere != 0 {
		t.Errorf("got %+v, want a second with two calls elsewhere, and none", moves)
	}
}

func TestTheReportHasEveryTableAndPicture(t *testing.T) {
	dir := t.TempDir()
	if err := made().write(dir); err != nil {
		t.Fatal(err)
	}
	report := made().report()
	for _, want := range []string{
		"the nearest saves 113 (83.0–113) ms of a call",
		"| mk | at us-azure | us-azure | wasm | 118 (118–118) | 4.0 (4.0–4.0) | 1.0 (1.0–1.0) | **123 (123–123)** | 246 (246–246) |",
		"| regional resolver, cache kept | 5.0 | 0.00, 0.50, 1.0 | 1.0 | 0 |",
		"(figure5.svg)", "(figure5-n-body.svg)", "(journey.svg)",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(report, "NaN") || strings.Contains(report, "%!") || strings.Contains(report, "+-") {
		t.Error("the report has empty cells")
	}
}

// TestTheCommittedReportWasMeasured: with few rounds its spreads mean nothing.
func TestTheCommittedReportWasMeasured(t *testing.T) {
	text, err := os.ReadFile("REPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`; (\d+) rounds of user-manager`).FindSubmatch(text)
	if found == nil {
		t.Fatal("REPORT.md does not state its number of rounds")
	}
	if n, err := strconv.Atoi(string(found[1])); err != nil || n < rounds {
		t.Errorf("REPORT.md has %d rounds, but `make evaluation` runs %d", n, rounds)
	}
	if bytes.Contains(text, []byte("+-")) || bytes.Contains(text, []byte("with uncommitted changes")) {
		t.Error("REPORT.md was not measured with a committed program")
	}
}

// TestTheDocumentationHasTheMeasuredValues: its figures come from the report.
func TestTheDocumentationHasTheMeasuredValues(t *testing.T) {
	var texts [2]string
	for i, path := range []string{"REPORT.md", "../../docs/evaluation.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = strings.Join(strings.Fields(string(text)), " ")
	}
	found := regexp.MustCompile(`saves (\S+ \S+ ms) of a call over an open connection, and (\S+ \S+ ms) of one`).FindStringSubmatch(texts[0])
	if found == nil {
		t.Fatal("REPORT.md does not state what the nearest cluster saves")
	}
	for _, figure := range found[1:] {
		if !strings.Contains(texts[1], figure) {
			t.Errorf("docs/evaluation.md lacks %q of REPORT.md", figure)
		}
	}
}
