package drawing

import (
	"cmp"
	"fmt"
	"html/template"
	"math/bits"
	"slices"
	"strings"
)

// Range is a subtree that a hash of a consistency proof is the root of: entries First to Last.
type Range struct {
	First, Last int64
	Both        bool // it lies in both trees: the smaller one's root is made of these alone
}

// Ranges are the subtrees whose roots prove that a tree of m entries is the beginning of one of n, in the order of RFC 6962, section 2.1.2. There must be 0 < m ≤ n.
func Ranges(m, n int64) []Range {
	var all []Range
	var prove func(m, first, end int64, whole bool)
	prove = func(m, first, end int64, whole bool) {
		if m == end-first {
			if !whole {
				all = append(all, Range{first, end - 1, true})
			}
			return
		}
		k := int64(1) << (bits.Len64(uint64(end-first-1)) - 1) // the largest power of two below the size
		if m <= k {
			prove(m, first, first+k, whole)
			all = append(all, Range{first + k, end - 1, false})
			return
		}
		prove(m-k, first+k, end, false)
		all = append(all, Range{first, first + k - 1, true})
	}
	prove(m, 0, n, true)
	return all
}

// Consistency draws which hashes of a proof make up which of two trees. Blocks are numbered like the hashes, from 1; the larger a subtree the wider its block, by its
// depth. Where the smaller tree is itself one of the larger one's subtrees its root is the first block, and has no number.
func Consistency(m, n int64) template.HTML {
	const height, gap, top, left, label = 36, 28, 24, 88, 112
	type block struct {
		Range
		label string
	}
	ranges := Ranges(m, n)
	var blocks []block
	if !hasBoth(ranges) {
		blocks = append(blocks, block{Range{0, m - 1, true}, "root"})
	}
	for i, r := range ranges {
		blocks = append(blocks, block{r, fmt.Sprint(i + 1)})
	}
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.First, b.First) })
	width := func(r Range) int { return 34 + 7*bits.Len64(uint64(r.Last-r.First)) }
	total, apart := left, left // where the blocks end, and those of both trees
	for _, b := range blocks {
		total += width(b.Range)
		if b.Both {
			apart += width(b.Range)
		}
	}
	sheet := max(total+2, apart+label)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg role="img" aria-label="Which hashes make up the tree of %d entries, and which the tree of %d" viewBox="0 0 %d %d" width="%d" height="%d">`,
		m, n, sheet, top+2*height+gap+4, sheet, top+2*height+gap+4)
	for row, size := range []int64{m, n} {
		y := top + row*(height+gap)
		fmt.Fprintf(&s, `<text x="0" y="%d" font-size="14" font-weight="600">%d</text><text x="0" y="%d" font-size="12" class="fill-quiet">%s</text>`,
			y+16, size, y+32, map[bool]string{true: "entry", false: "entries"}[size == 1])
		x := left
		for _, b := range blocks {
			w := width(b.Range)
			if b.Both || row == 1 {
				fill, ink := "fill-raised", ""
				if b.Both {
					fill, ink = "fill-accent", ` class="fill-paper"`
				}
				fmt.Fprintf(&s, `<rect x="%d" y="%d" width="%d" height="%d" rx="4" class="%s stroke-line"/><text x="%d" y="%d" font-size="13" font-weight="600" text-anchor="middle"%s>%s</text>`,
					x+1, y, w-3, height, fill, x+w/2, y+23, ink, b.label)
			}
			x += w
		}
	}
	fmt.Fprintf(&s, `<text x="%d" y="14" font-size="12" class="fill-quiet">in both trees</text>`, left+1)
	if apart < total {
		fmt.Fprintf(&s, `<text x="%d" y="%d" font-size="12" class="fill-quiet">only in the larger</text>`, apart+1, top+height+gap-8)
	}
	s.WriteString(`</svg>`)
	return template.HTML(s.String()) // of numbers alone
}

func hasBoth(ranges []Range) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return r.Both })
}
