// Package drawing makes the viewer's SVG: the path from an entry to the root of the log's tree, and bars of numbers.
//
// It is the only place of the viewer that makes markup of its own. Whatever text comes in is escaped, and colours are classes of
// the style sheet, so that drawings follow the reader's scheme and the Content-Security-Policy. A drawing never says anything alone: each
// has a table beside it.
package drawing

import (
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"
)

// canvas collects elements of one drawing.
type canvas struct {
	width, height int
	label         string // what it shows, for who doesn't see it
	class         string
	body          strings.Builder
}

// add appends markup. Only numbers and words of this package may stand in format; everything else is to go through esc.
func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.body, format, args...) }

// esc escapes a text for content and for attributes.
func esc(s string) string { return html.EscapeString(s) }

// text places a text.
func (c *canvas) text(x, y float64, class, anchor, s string) {
	c.add(`<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`, f(x), f(y), class, anchor, esc(s))
}

// svg closes the drawing.
func (c *canvas) svg() template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">%s</svg>`,
		c.class, c.width, c.height, c.width, c.height, esc(c.label), c.body.String()))
}

// f writes a coordinate with at most one decimal.
func f(x float64) string { return strconv.FormatFloat(float64(int64(x*10+0.5))/10, 'f', -1, 64) }
