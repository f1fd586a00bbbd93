package drawing

import (
	"fmt"
	"html/template"
	"strings"
)

// Parts are numbers of events by what became of their claims: proven, claimed, waiting, refused.
type Parts [4]int64

// partNames are the words and the classes of colours of Parts.
var partNames = [4]string{"proven", "claimed", "waiting", "refused"}

// Total is the sum.
func (p Parts) Total() int64 { return p[0] + p[1] + p[2] + p[3] }

// words says the parts that there are.
func (p Parts) words() string {
	var said []string
	for i, n := range p {
		if n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, partNames[i]))
		}
	}
	if len(said) == 0 {
		return "nothing"
	}
	return strings.Join(said, ", ")
}

// Bar is one bar of a chart.
type Bar struct {
	Name  string // for who points at it, such as "2026-11-22"
	Label string // below it; may be empty
	Parts Parts
}

// Geometry of a chart.
const (
	chartWidth, chartHeight = 960, 200
	chartLeft, chartBottom  = 44, 24
	chartRight              = 16
	chartTop                = 12
)

// Bars draws bars beside each other, each of its parts on top of each other. label says what is shown, for who doesn't see it.
func Bars(label string, bars []Bar) template.HTML {
	c := &canvas{width: chartWidth, height: chartHeight, class: "bars", label: label}
	most := int64(1)
	for _, b := range bars {
		most = max(most, b.Parts.Total())
	}
	top := ceiling(most)
	high, wide := float64(chartHeight-chartBottom-chartTop), float64(chartWidth-chartLeft-chartRight)/float64(max(len(bars), 1))
	foot := float64(chartHeight - chartBottom)
	for _, at := range ticks(top) {
		y := foot - high*float64(at)/float64(top)
		c.add(`<path d="M%d %sH%d" class="grid"/>`, chartLeft, f(y), chartWidth)
		c.text(chartLeft-8, y+4, "minor", "end", compact(at))
	}
	gap := min(wide*0.3, 6)
	for i, b := range bars {
		x, y := chartLeft+wide*float64(i)+gap/2, foot
		c.add(`<g><title>%s: %s</title><rect x="%s" y="%d" width="%s" height="%s" class="none"/>`, esc(b.Name), b.Parts.words(), f(x), chartTop, f(wide-gap), f(high))
		for k, n := range b.Parts {
			if n == 0 {
				continue
			}
			part := max(high*float64(n)/float64(top), 1.5) // what is there is to be seen
			y -= part
			c.add(`<rect x="%s" y="%s" width="%s" height="%s" class="fill-%s"/>`, f(x), f(y), f(wide-gap), f(part), partNames[k])
		}
		c.add(`</g>`)
		if b.Label != "" {
			c.text(x+(wide-gap)/2, chartHeight-6, "minor", "middle", b.Label)
		}
	}
	return c.svg()
}

// Share draws parts of a whole in one line.
func Share(label string, p Parts) template.HTML {
	const width, height = 960, 16
	c := &canvas{width: width, height: height, class: "share", label: label}
	c.add(`<rect width="%d" height="%d" rx="3" class="fill-line"/>`, width, height)
	x := 0.0
	for k, n := range p {
		if n == 0 {
			continue
		}
		part := width * float64(n) / float64(p.Total())
		c.add(`<rect x="%s" width="%s" height="%d" class="fill-%s"/>`, f(x), f(max(part-1, 1)), height, partNames[k])
		x += part
	}
	return template.HTML(strings.Replace(string(c.svg()), "<svg ", `<svg preserveAspectRatio="none" `, 1))
}

// Spark draws numbers as small bars, to stand beside the numbers themselves: nobody needs it who doesn't see it.
func Spark(numbers []int64) template.HTML {
	const width, height = 144, 24
	c := &canvas{width: width, height: height}
	most := int64(1)
	for _, n := range numbers {
		most = max(most, n)
	}
	wide := float64(width) / float64(max(len(numbers), 1))
	c.add(`<path d="M0 %sH%d" class="grid"/>`, f(height-0.5), width)
	for i, n := range numbers {
		if n > 0 {
			high := max(float64(height-2)*float64(n)/float64(most), 2)
			c.add(`<rect x="%s" y="%s" width="%s" height="%s" class="fill-accent"/>`, f(wide*float64(i)), f(height-high), f(max(wide*0.75, 0.8)), f(high))
		}
	}
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d %d" width="%d" height="%d" aria-hidden="true">%s</svg>`, width, height, width, height, c.body.String()))
}

// ceiling is the next number that an axis ends with well: 1, 2, 3, 4, 6 or 8 times a power of ten.
func ceiling(n int64) int64 {
	for unit := int64(1); unit <= 1e17; unit *= 10 {
		for _, times := range []int64{1, 2, 3, 4, 6, 8} {
			if times*unit >= n {
				return times * unit
			}
		}
	}
	return n
}

// ticks are the numbers at an axis.
func ticks(top int64) []int64 {
	if top%2 == 0 {
		return []int64{0, top / 2, top}
	}
	return []int64{0, top}
}

// compact writes a number in little room.
func compact(n int64) string {
	switch {
	case n >= 1_000_000:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + " M"
	case n >= 1000:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e3), ".0") + " k"
	}
	return fmt.Sprint(n)
}
