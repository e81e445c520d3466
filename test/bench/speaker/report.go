package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/nearcast/nearcast/test/machine"
)

// row is one case.
type row struct {
	speaker      string
	vips, peers  int
	converged    time.Duration // from exec until every router has every route
	convergedCPU time.Duration // what that took
	share        float64       // of a core, at rest
	memory       int64         // octets, at rest
	decision     time.Duration // from a result until its path is deleted, the mean
	first, last  []time.Duration
	leaving      time.Duration // from SIGTERM until every route of BIRD's leaves; 0 for never
	ended        time.Duration // from SIGTERM
	missed       string        // what did not happen in time; "" where all did
}

const heading = "| speaker | VIPs | peers | s to converge | CPU s to converge | % of a core at rest | MiB at rest | ms to decide | s to withdraw, first router | s, last router | most | s from SIGTERM to GRACEFUL_SHUTDOWN | s to its end, beyond the dwells |\n|" +
	"---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

func (r row) markdown() string {
	if r.missed != "" {
		return fmt.Sprintf("| %s | %d | %d | **%s** |", r.speaker, r.vips, r.peers, r.missed)
	}
	return fmt.Sprintf("| %s | %d | %d | %.2f | %.2f | %.1f | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |", r.speaker, r.vips, r.peers,
		r.converged.Seconds(), r.convergedCPU.Seconds(), 100*r.share, float64(r.memory)/(1<<20), 1000*r.decision.Seconds(),
		median(r.first).Seconds(), median(r.last).Seconds(), most(r.last).Seconds(), r.leaving.Seconds(), (r.ended - dwell - linger).Seconds())
}

// report is what was measured, and where.
type report struct {
	machine machine.Machine
	rest    time.Duration
	rows    []row
}

func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The speaker's size\n\nCommit %s, %s. Every VIP has a TCP check of its own, each second.\n\n%s", r.machine.Commit, r.machine.Date.Format(time.DateOnly), heading)
	for _, row := range r.rows {
		b.WriteString(row.markdown() + "\n")
	}
	fmt.Fprintf(&b, reading, victims, r.rest, dwell, linger, tooLong)
	return b.String() + r.machine.Markdown()
}

const reading = `
## How to read it

- The speaker has one core, and the routers (one BIRD with a session per router, and one FRR where there are several), the backends
  and this program have another. Routers and speaker are in network namespaces with a cable between them.
- **to converge** is from the start of the program until the last router has the last route: each VIP needs three results in a row.
- **to withdraw** is from the end of a backend until its route has gone at the first and at the last router: the median of %d backends, and
  the most. The next check comes within a second, and a second one, which has to fail too, a quarter of a second later.
- **to decide** is from the result of a check until the path is deleted, the mean of those, by the speaker's metrics.
- **at rest** is over %s while nothing happens but checks and KEEPALIVEs; memory is the proportional set size.
- From SIGTERM a dwell of %s and a linger of %s are promised. **to GRACEFUL_SHUTDOWN** is until every route of every BIRD has it; 0 where
  that never was so.
- A case in which something took longer than %s ends there, and says what.

## Machine

`
