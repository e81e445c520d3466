package main

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/nearcast/nearcast/test/picture"
)

// drawing is a plot of a table and the file that it is in.
type drawing struct {
	title, file string
	draw        func(Table, *plot.Plot) error
	// height for a number of rows.
	height func(rows int) vg.Length
}

const width = 22 * vg.Centimeter

// plots are the pictures of a table.
func (t Table) plots() []drawing {
	name := "RESULTS-" + strings.ToLower(strings.ReplaceAll(t.title, " ", "-"))
	switch {
	case t.idle:
		return t.startPlots(name)
	case t.rests:
		return nil
	}
	if t.axis != "" {
		return []drawing{{t.title + ": CPU per query", name + ".svg", drawCurve, func(int) vg.Length { return 9 * vg.Centimeter }}}
	}
	tall := func(rows int) vg.Length { return vg.Length(rows)*0.7*vg.Centimeter + 2.5*vg.Centimeter }
	pictures := []drawing{{t.title + ": CPU per query", name + ".svg", drawCost, tall}}
	if t.steady && slices.ContainsFunc(t.Rows, Row.keptUp) {
		pictures = append(pictures, drawing{fmt.Sprintf("%s: p50 and p99 at %s queries a second", t.title, grouped(fixedRate)), name + "-latency.svg", drawLatency, tall})
	}
	if t.open {
		pictures = append(pictures, drawing{t.title + ": p99 and p99.9 of an open loop", name + "-open.svg", drawSpells, func(rows int) vg.Length { return tall(rows * len(shares)) }})
	}
	return pictures
}

// drawAll writes every picture into a directory.
func (r Results) drawAll(dir string) error {
	for _, t := range r.Tables {
		for _, d := range t.plots() {
			svg, err := d.svg(t)
			if err != nil {
				return fmt.Errorf("%s: %w", d.file, err)
			}
			if err := os.WriteFile(filepath.Join(dir, d.file), svg, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// svg draws the picture.
func (d drawing) svg(t Table) ([]byte, error) {
	p := picture.New(d.title, 3*vg.Millimeter)
	if err := d.draw(t, p); err != nil {
		return nil, err
	}
	canvas := vgsvg.New(width, d.height(len(t.Rows)))
	p.Draw(draw.Crop(draw.New(canvas), 2*vg.Millimeter, 0, 0, 0))
	return picture.SVG(canvas)
}

var (
	ours   = color.RGBA{R: 0xd1, G: 0x49, B: 0x2b, A: 255}
	theirs = color.RGBA{R: 0x33, G: 0x5c, B: 0x81, A: 255}
)

// colour sets Nearcast's own apart.
func (r Row) colour() color.Color {
	if strings.HasPrefix(r.name, "nearcast") || strings.HasPrefix(r.name, "rpz") {
		return ours
	}
	return theirs
}

// span is medians with their least and most, as gonum wants them.
type span struct {
	plotter.XYs
	low, high []float64
}

// XError implements plotter.XErrorer.
func (s span) XError(i int) (low, high float64) { return s.low[i], s.high[i] }

// YError implements plotter.YErrorer.
func (s span) YError(i int) (low, high float64) { return s.low[i], s.high[i] }

func (s *span) add(x, y, middle float64, all []float64) {
	s.XYs = append(s.XYs, plotter.XY{X: x, Y: y})
	s.low, s.high = append(s.low, middle-slices.Min(all)), append(s.high, slices.Max(all)-middle)
}

// drawCost has a line for each server: the median, and from the least to the most.
func drawCost(t Table, p *plot.Plot) error {
	overServers(p, t.Rows, "µs of CPU per query, least to most and median; logarithmic")
	for i, row := range t.Rows {
		if err := dot(p, row, lineOf(t.Rows, i), perQuery, true); err != nil {
			return err
		}
	}
	widen(p)
	return nil
}

// drawLatency has two dots for each server that kept up.
func drawLatency(t Table, p *plot.Plot) error {
	kept := slices.DeleteFunc(slices.Clone(t.Rows), func(r Row) bool { return !r.keptUp() })
	overServers(p, kept, "µs to the answer: p50 (small), p99 (large, with least to most); logarithmic")
	for i, row := range kept {
		if err := dot(p, row, lineOf(kept, i), p50, false); err != nil {
			return err
		}
		if err := dot(p, row, lineOf(kept, i), p99, true); err != nil {
			return err
		}
	}
	widen(p)
	return nil
}

// drawSpells has two dots for each server at each load.
func drawSpells(t Table, p *plot.Plot) error {
	var rows []Row
	for _, percent := range shares {
		for _, row := range t.Rows {
			row.name = fmt.Sprintf("%s, %d %%", row.name, percent)
			rows = append(rows, row)
		}
	}
	overServers(p, rows, "µs to the answer: p99 (small), p99.9 (large, with least to most); logarithmic")
	for i, row := range rows {
		share := i / len(t.Rows)
		if err := dot(p, row, lineOf(rows, i), open99.measure(share), false); err != nil {
			return err
		}
		if err := dot(p, row, lineOf(rows, i), open999.measure(share), true); err != nil {
			return err
		}
	}
	widen(p)
	return nil
}

// lineOf puts the first row on top.
func lineOf(rows []Row, i int) float64 { return float64(len(rows) - 1 - i) }

// overServers labels the lines.
func overServers(p *plot.Plot, rows []Row, axis string) {
	p.X.Label.Text = axis
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(picture.LogTicks)
	ticks := make(plot.ConstantTicks, len(rows))
	for i, row := range rows {
		ticks[i] = plot.Tick{Value: lineOf(rows, i), Label: row.name}
	}
	p.Y.Tick.Marker, p.Y.Tick.Width = ticks, 0
	p.Y.Min, p.Y.Max = -0.5, float64(len(rows))-0.5
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = picture.Faint, picture.Faint
	p.Add(lines)
}

// dot draws a measure of a row, with its spread and its figure or without.
func dot(p *plot.Plot, row Row, line float64, m measure, whole bool) error {
	var s span
	s.add(m.median(row), line, m.median(row), m.of(row))
	points, err := plotter.NewScatter(s)
	if err != nil {
		return err
	}
	points.GlyphStyle = draw.GlyphStyle{Color: row.colour(), Radius: 1.2 * vg.Millimeter, Shape: draw.CircleGlyph{}}
	if !whole {
		points.Radius = 0.7 * vg.Millimeter
		p.Add(points)
		return nil
	}
	bars, err := plotter.NewXErrorBars(s)
	if err != nil {
		return err
	}
	bars.Color, bars.Width = row.colour(), vg.Points(1.2)
	label, err := plotter.NewLabels(plotter.XYLabels{XYs: s.XYs, Labels: []string{figure(m.median(row))}})
	if err != nil {
		return err
	}
	label.TextStyle[0].Font.Variant = picture.Sans
	label.Offset = vg.Point{X: -0.3 * vg.Centimeter, Y: 1.6 * vg.Millimeter}
	p.Add(bars, points, label)
	return nil
}

// widen leaves room at both ends.
func widen(p *plot.Plot) { p.X.Min, p.X.Max = p.X.Min*0.8, p.X.Max*1.25 }

// drawCurve has the cost at each size over the yardstick's.
func drawCurve(t Table, p *plot.Plot) error {
	var s span
	var yardstick []Row
	for _, row := range t.Rows {
		if row.to == "" {
			yardstick = append(yardstick, row)
			continue
		}
		s.add(float64(row.at), perQuery.median(row), perQuery.median(row), perQuery.of(row))
	}
	p.X.Label.Text, p.Y.Label.Text = t.axis, "µs of CPU per query"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, sizeTicks(s.XYs)
	line, points, err := plotter.NewLinePoints(s)
	if err != nil {
		return err
	}
	line.Color, line.Width = ours, vg.Points(1.5)
	points.GlyphStyle = draw.GlyphStyle{Color: ours, Radius: 1.2 * vg.Millimeter, Shape: draw.CircleGlyph{}}
	bars, err := plotter.NewYErrorBars(s)
	if err != nil {
		return err
	}
	bars.Color = ours
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = picture.Faint, picture.Faint
	p.Add(lines, line, points, bars)
	ourName, _, _ := strings.Cut(t.Rows[len(t.Rows)-1].name, ", "+grouped(t.Rows[len(t.Rows)-1].at))
	p.Legend.Add(ourName, line, points)
	if err := level(p, yardstick, s.XYs); err != nil {
		return err
	}
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.35 // from 0, or noise looks like growth
	widen(p)
	p.Legend.Top, p.Legend.Left = true, true
	return nil
}

// level draws the yardstick from end to end, with its spread at the first.
func level(p *plot.Plot, yardstick []Row, along plotter.XYs) error {
	for _, row := range yardstick {
		m := perQuery.median(row)
		line, err := plotter.NewLine(plotter.XYs{{X: along[0].X, Y: m}, {X: along[len(along)-1].X, Y: m}})
		if err != nil {
			return err
		}
		line.Color, line.Width, line.Dashes = theirs, vg.Points(1.5), []vg.Length{vg.Points(5), vg.Points(3)}
		p.Add(line)
		p.Legend.Add(fmt.Sprintf("%s (%s–%s)", row.name, figure(slices.Min(perQuery.of(row))), figure(slices.Max(perQuery.of(row)))), line)
	}
	return nil
}

// sizeTicks are ticks at the measured sizes alone.
func sizeTicks(all plotter.XYs) plot.ConstantTicks {
	ticks := make(plot.ConstantTicks, len(all))
	for i, xy := range all {
		ticks[i] = plot.Tick{Value: xy.X, Label: grouped(int(xy.X))}
	}
	return ticks
}
