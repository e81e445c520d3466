// Package picture has what the plots of all reports have in common.
package picture

import (
	"bytes"
	"image/color"
	"io"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Sans is the variant of the font that everything is written in.
const Sans = "Sans"

// face is its name in the pictures.
const face = "Liberation Sans"

// Faint is the colour of grids.
var Faint = color.RGBA{R: 0xdd, G: 0xdd, B: 0xdd, A: 255}

// New is a plot in the font, with a title and room below it.
func New(title string, padding vg.Length) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, padding
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = Sans
	}
	return p
}

// SVG returns what was drawn on a canvas for SVG.
func SVG(drawn io.WriterTo) ([]byte, error) {
	var b bytes.Buffer
	if _, err := drawn.WriteTo(&b); err != nil {
		return nil, err
	}
	// Who lacks the font has one that is as wide.
	return bytes.ReplaceAll(b.Bytes(), []byte(face), []byte(face+",Arial,Helvetica,sans-serif")), nil
}

// LogTicks are at 1, 2 and 5 of every power of ten, from a hundredth on.
func LogTicks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for power := 0.01; power <= most; power *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			if v := power * digit; v >= least && v <= most {
				ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 6, 64)})
			}
		}
	}
	return ticks
}
