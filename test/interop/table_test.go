package interop

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// table collects what was measured, as rows under a heading. It is safe for
// concurrent use.
type table struct {
	heading string // cells are separated by tabs

	mu   sync.Mutex
	rows []string
}

// add appends a row.
func (t *table) add(times []time.Duration, names ...string) {
	for _, d := range times {
		names = append(names, fmt.Sprintf("%.3f s", d.Seconds()))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, strings.Join(names, "\t"))
}

// print shows the rows in order, for tests that run side by side add them in none.
func (t *table) print(to *testing.T) {
	to.Helper()
	slices.Sort(t.rows)
	text := &strings.Builder{}
	w := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, t.heading)
	fmt.Fprintln(w, strings.Join(t.rows, "\n"))
	w.Flush()
	to.Logf("\n%s", text)
}
