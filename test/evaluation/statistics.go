package main

import (
	"fmt"
	"math"
	"slices"
)

// quantile returns the value that the share q of all is below, between neighbours
// in proportion.
func quantile(all []float64, q float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(all))
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}

func median(all []float64) float64 { return quantile(all, 0.5) }

func mean(all []float64) float64 {
	sum := 0.0
	for _, f := range all {
		sum += f
	}
	return sum / float64(len(all))
}

// spread is the median with the 5th and the 95th percentile.
func spread(all []float64) string {
	return fmt.Sprintf("%s (%s–%s)", figure(median(all)), figure(quantile(all, 0.05)), figure(quantile(all, 0.95)))
}

// signed is a spread of differences.
func signed(all []float64) string {
	if median(all) < 0 {
		return spread(all)
	}
	return "+" + spread(all)
}

// figure has three digits, or all that are left of the point.
func figure(f float64) string {
	switch magnitude := math.Abs(f); {
	case math.IsNaN(f):
		return "–"
	case magnitude < 0.995:
		return fmt.Sprintf("%.2f", f)
	case magnitude < 99.95:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.0f", f)
	}
}
