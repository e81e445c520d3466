package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/nearcast/nearcast/test/picture"
)

// startPlots are the pictures of a group that was only started: memory and time along its
// axis, or nothing where it has none.
func (t Table) startPlots(name string) []drawing {
	if t.axis == "" {
		return nil
	}
	height := func(int) vg.Length { return 9 * vg.Centimeter }
	return []drawing{
		{t.title + ": memory", name + "-memory.svg", drawSizes("MiB", curve{"resident", resident, ours}, curve{"anonymous", anonymous, theirs}), height},
		{t.title + ": time to the first answer", name + "-start.svg", drawSizes("s", curve{"from exec", loading, ours}, curve{"CPU of all cores", loadingCPU, theirs}), height},
	}
}

// curve is a measure along an axis.
type curve struct {
	name   string
	of     measure
	colour color.Color
}

// drawSizes draws curves over a group's sizes. Both axes are logarithmic: what grows in
// proportion has a slope of one.
func drawSizes(unit string, curves ...curve) func(Table, *plot.Plot) error {
	return func(t Table, p *plot.Plot) error {
		p.X.Label.Text, p.Y.Label.Text = t.axis, unit+", logarithmic"
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		p.Y.Tick.Marker = plot.TickerFunc(picture.LogTicks)
		lines := plotter.NewGrid()
		lines.Horizontal.Color, lines.Vertical.Color = picture.Faint, picture.Faint
		p.Add(lines)
		for _, c := range curves {
			var at plotter.XYs
			for _, row := range t.Rows {
				at = append(at, plotter.XY{X: float64(row.at), Y: max(c.of.median(row), 0.01)}) // a clock of 10 ms
			}
			line, points, err := plotter.NewLinePoints(at)
			if err != nil {
				return err
			}
			line.Color, line.Width = c.colour, vg.Points(1.5)
			points.GlyphStyle = draw.GlyphStyle{Color: c.colour, Radius: 1.2 * vg.Millimeter, Shape: draw.CircleGlyph{}}
			p.Add(line, points)
			p.Legend.Add(c.name, line, points)
			p.X.Tick.Marker = sizeTicks(at)
		}
		p.Legend.Top, p.Legend.Left = true, true
		widen(p)
		return nil
	}
}
