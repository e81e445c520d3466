package main

import (
	"fmt"
	"math"
	"slices"
)

// verdict is whether a mark of performance was reached.
type verdict struct {
	mark             int
	what, want, have string
	// over is by how much it was missed, as a part of what was wanted; negative
	// where it was reached.
	over     float64
	asserted bool
}

func (v verdict) met() bool { return v.over <= 0 }

// String says whether it was reached, or by how much it was not.
func (v verdict) String() string {
	if v.met() {
		return "met"
	}
	return fmt.Sprintf("**missed by %.0f %%**", math.Ceil(100*v.over))
}

// verdicts judges every bound of every target, and the growth of every group that
// must be flat.
func (r Results) verdicts() []verdict {
	var all []verdict
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			for _, b := range row.bounds {
				if v, ok := b.judge(table, row); ok {
					all = append(all, v)
				}
			}
		}
		if table.flat != 0 {
			all = append(all, table.growth())
		}
	}
	slices.SortStableFunc(all, func(a, b verdict) int { return a.mark - b.mark })
	return all
}

// judge reports false where the other target was not measured.
func (b bound) judge(table Table, row Row) (verdict, bool) {
	v := verdict{mark: b.mark, what: fmt.Sprintf("%s: %s", row.name, b.measure.name), asserted: b.asserted}
	if b.to == "" {
		have := b.measure.median(row)
		v.want, v.have, v.over = fmt.Sprintf("at most %g", b.most), figure(have), have/b.most-1
		return v, true
	}
	to, ok := table.row(b.to)
	if !ok {
		return v, false
	}
	ratio := median(b.measure.ratio(row, to))
	v.want, v.have, v.over = fmt.Sprintf("at most %.2f × %s", b.most, b.to), fmt.Sprintf("%.2f ×", ratio), ratio/b.most-1
	return v, true
}

// flatness is how far the ratio may move from the smallest size to any other.
const flatness = 0.10

// growth judges how far the cost, as a ratio to the yardstick, moves along the
// axis from where it begins.
func (t Table) growth() verdict {
	first, furthest := 0.0, 0.0
	for _, row := range t.Rows {
		ratio := t.relative(row)
		switch {
		case ratio == 0: // the yardstick
		case first == 0:
			first = ratio
		case math.Abs(ratio/first-1) > math.Abs(furthest):
			furthest = ratio/first - 1
		}
	}
	return verdict{
		mark: t.flat, what: t.title + ": CPU per query, relative to the baseline", want: fmt.Sprintf("within ±%.0f %% of the smallest", 100*flatness),
		have: fmt.Sprintf("%+.0f %%", 100*furthest), over: math.Abs(furthest) - flatness,
	}
}
