package main

import (
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/nearcast/nearcast/lab"
	"github.com/nearcast/nearcast/test/picture"
)

// segments are the parts of a bar, from below: the short ones first, which would
// vanish on top of a long one on a logarithmic axis.
var segments = []struct {
	name  string
	part  part
	color color.RGBA
}{
	{"processing", processing, color.RGBA{R: 0x6a, G: 0x99, B: 0x4e, A: 255}},
	{"cold start", coldStart, color.RGBA{R: 0xe0, G: 0x9f, B: 0x3e, A: 255}},
	{"network latency", network, color.RGBA{R: 0x33, G: 0x5c, B: 0x81, A: 255}},
}

// ours is behind Nearcast's choice.
var ours = color.RGBA{R: 0xf6, G: 0xdf, B: 0xd8, A: 255}

// below is the room between a title and its plot.
const below = 2 * vg.Millimeter

// The least and the most that is drawn, in milliseconds.
const (
	least = 1.0
	most  = 700.0
)

// group is the bars of one way to a cluster.
type group struct{ label, policy string }

// gap is between groups, in bars.
const gap = 0.8

// groups are by each country's cluster, and by Nearcast's choice.
func groups() (all []group) {
	for _, c := range Countries {
		all = append(all, group{"in " + strings.ToUpper(c.Code), "at " + c.Resolver})
	}
	return append(all, group{"nearest", "nearest"})
}

// figureFive is the paper's figure 5 with Nearcast's routing beside it: a panel for
// each country that calls.
func (r Results) figureFive(function string) ([]byte, error) {
	var panels []*plot.Plot
	for i, c := range Countries {
		p, err := r.panel(function, c, i == 0)
		if err != nil {
			return nil, err
		}
		panels = append(panels, p)
	}
	return tiled(panels, 31*vg.Centimeter, 12*vg.Centimeter)
}

// panel draws what calls from a country take.
func (r Results) panel(function string, c Country, legend bool) (*plot.Plot, error) {
	p := picture.New("called from "+c.Name, below)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(picture.LogTicks)
	p.Y.Label.Text = "ms (log)"
	width := float64(len(lab.Runtimes))
	nearest := float64(len(groups())-1) * (width + gap)
	if err := rectangle(p, nearest-0.5, nearest+width-0.5, least, most, ours); err != nil {
		return nil, err
	}
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Width = picture.Faint, 0
	p.Add(lines)
	var ticks plot.ConstantTicks
	x := 0.0
	for _, g := range groups() {
		if err := note(p, x+(width-1)/2, most*0.6, g.label, 9); err != nil {
			return nil, err
		}
		for _, runtime := range lab.Runtimes {
			total, err := r.bar(p, x, Filter{function, runtime, c.Code, g.policy})
			if err != nil {
				return nil, err
			}
			if err := note(p, x, total*1.06, short(total), 7.5); err != nil {
				return nil, err
			}
			ticks = append(ticks, plot.Tick{Value: x, Label: runtime})
			x++
		}
		x += gap
	}
	p.X.Tick.Marker, p.X.Tick.Length = ticks, 0
	p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = math.Pi/2, text.XRight, text.YCenter
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.9, x-0.9, least, most
	if legend {
		if err := legendOf(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// bar stacks the medians of the parts, and returns the median of the whole.
func (r Results) bar(p *plot.Plot, x float64, f Filter) (float64, error) {
	samples := r.of(f)
	from, sum := least, 0.0
	for _, s := range segments {
		sum += max(median(times(samples, s.part)), 0)
		if sum <= from {
			continue
		}
		if err := rectangle(p, x-0.4, x+0.4, from, sum, s.color); err != nil {
			return 0, err
		}
		from = sum
	}
	return median(times(samples, exchanged)), nil
}

// short is a figure that fits over a bar.
func short(f float64) string {
	if f < 10 {
		return figure(f)
	}
	return strconv.Itoa(int(math.Round(f)))
}

func rectangle(p *plot.Plot, left, right, bottom, top float64, fill color.Color) error {
	shape, err := plotter.NewPolygon(plotter.XYs{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}})
	if err != nil {
		return err
	}
	shape.Color, shape.Width = fill, 0
	p.Add(shape)
	return nil
}

// note writes a centred word above a point.
func note(p *plot.Plot, x, y float64, word string, size float64) error {
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: x, Y: y}}, Labels: []string{word}})
	if err != nil {
		return err
	}
	style := &labels.TextStyle[0]
	style.Font.Variant, style.Font.Size, style.XAlign = picture.Sans, vg.Points(size), text.XCenter
	p.Add(labels)
	return nil
}

func legendOf(p *plot.Plot) error {
	for i := range segments {
		s := segments[len(segments)-1-i]
		sample, err := plotter.NewPolygon(plotter.XYs{{X: 0, Y: 1}, {X: 0, Y: 1}, {X: 0, Y: 1}})
		if err != nil {
			return err
		}
		sample.Color, sample.Width = s.color, 0
		p.Legend.Add(s.name, sample)
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = 2*vg.Millimeter, -1.2*vg.Centimeter // below the names of the groups
	p.Legend.TextStyle.Font.Size = vg.Points(8)
	return nil
}

// tiled draws plots beside each other.
func tiled(panels []*plot.Plot, width, height vg.Length) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: 4 * vg.Millimeter, PadLeft: 2 * vg.Millimeter, PadTop: 2 * vg.Millimeter, PadBottom: 2 * vg.Millimeter, PadRight: 2 * vg.Millimeter}
	for i, p := range panels { // their axes are as wide, so that nothing need be aligned
		p.Draw(tiles.At(draw.New(canvas), i, 0))
	}
	return picture.SVG(canvas)
}
