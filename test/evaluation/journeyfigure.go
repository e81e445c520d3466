package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/nearcast/nearcast/test/picture"
)

// colours are of the country whose cluster answered.
var colours = map[string]color.RGBA{
	"mk": {R: 0xd1, G: 0x49, B: 0x2b, A: 255},
	"de": {R: 0xe0, G: 0x9f, B: 0x3e, A: 255},
	"us": {R: 0x33, G: 0x5c, B: 0x81, A: 255},
}

// journeyFigure has a line for each mode, with each call of its first user in the
// colour of the country whose cluster answered.
func (r Results) journeyFigure(i Itinerary) ([]byte, error) {
	p := picture.New("a user moves: each call, in the colour of the country whose cluster answered", below)
	p.X.Label.Text = "seconds"
	var ticks plot.ConstantTicks
	for n, mode := range modes {
		y := float64(len(modes) - 1 - n)
		ticks = append(ticks, plot.Tick{Value: y, Label: mode.Name})
		for _, j := range r.Journeys {
			if j.Mode != mode.Name || j.User != 0 {
				continue
			}
			if err := drawCalls(p, j.Calls, y); err != nil {
				return nil, err
			}
		}
	}
	top := float64(len(modes)) - 0.4
	for n, c := range i.Stops {
		at, next := i.arrival(0, n), i.arrival(0, n+1)
		if err := note(p, (at+next).Seconds()/2, top, "in "+c.Name, 9); err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		line, err := plotter.NewLine(plotter.XYs{{X: at.Seconds() - i.Every.Seconds()/2, Y: -0.6}, {X: at.Seconds() - i.Every.Seconds()/2, Y: top + 0.5}})
		if err != nil {
			return nil, err
		}
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(line)
	}
	p.Y.Tick.Marker, p.Y.Tick.Length = ticks, 0
	p.Y.Padding = 5 * vg.Millimeter // room for viewers whose font is wider
	p.Y.Min, p.Y.Max, p.X.Min, p.X.Max = -0.6, top+0.5, -0.5, i.arrival(0, len(i.Stops)).Seconds()
	return tiled([]*plot.Plot{p}, 26*vg.Centimeter, 8.5*vg.Centimeter)
}

// drawCalls has a full dot for a call that the nearest cluster answered, a ring for
// one that another did, and a cross for one that nobody did.
func drawCalls(p *plot.Plot, calls []Call, y float64) error {
	for _, c := range calls {
		dot, err := plotter.NewScatter(plotter.XYs{{X: c.At.Seconds(), Y: y}})
		if err != nil {
			return err
		}
		dot.GlyphStyle = draw.GlyphStyle{Color: color.Black, Radius: 1.3 * vg.Millimeter, Shape: draw.CrossGlyph{}}
		if c.Err == nil {
			dot.Color, dot.Shape = colours[countryOf(c.Cluster)], draw.RingGlyph{}
			if c.Nearest() {
				dot.Shape = draw.CircleGlyph{}
			}
		}
		p.Add(dot)
	}
	return nil
}
