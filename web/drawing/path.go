package drawing

import (
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Path is the way from a leaf to the root of a tree (RFC 6962, section 2.1.1).
type Path struct {
	Index, Size int64
	Leaf        [32]byte // the leaf's hash
	Steps       []Step   // from the leaf up
	Root        [32]byte
}

// Step is one hash of an inclusion proof, and what it makes.
type Step struct {
	Left     bool     // the sibling stands on the left
	From, To int64    // the entries under the sibling, both inclusive
	Sibling  [32]byte // the proof's hash
	Node     [32]byte // the hash of both
	Whole    [2]int64 // the entries under the node, both inclusive
}

// NewPath walks an inclusion proof from a leaf hash to the root that it leads to.
func NewPath(index, size int64, leaf [32]byte, hashes [][32]byte) (*Path, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("there is no entry %d in a tree of %d", index, size)
	}
	p := &Path{Index: index, Size: size, Leaf: leaf, Root: leaf}
	low, high := index, index+1 // what the node at hand covers
	inner := bits.Len64(uint64(index ^ (size - 1)))
	for _, h := range hashes {
		s := Step{Sibling: h}
		level := len(p.Steps)
		switch {
		case low == 0 && high == size:
			return nil, errors.New("the proof has more hashes than the tree has levels")
		case level < inner && index>>level&1 == 0:
			s.From, s.To = high, min(size, high+1<<level)-1
			high = s.To + 1
			s.Node = tlog.NodeHash(p.Root, h)
		case level < inner:
			s.Left, s.From, s.To = true, low-1<<level, low-1
			low = s.From
			s.Node = tlog.NodeHash(h, p.Root)
		default: // what is left of the node falls into whole subtrees, the last of which is as large as it can be
			s.Left, s.From, s.To = true, low-low&-low, low-1
			low = s.From
			s.Node = tlog.NodeHash(h, p.Root)
		}
		p.Root, s.Whole = s.Node, [2]int64{low, high - 1}
		p.Steps = append(p.Steps, s)
	}
	if low != 0 || high != size {
		return nil, errors.New("the proof has fewer hashes than the tree has levels")
	}
	return p, nil
}

// Geometry of a path: the way up is a column in the middle, siblings stand at its sides.
const (
	pathWidth, pathRow, pathTop = 400, 56, 24
	pathMiddle                  = pathWidth / 2
	siblingWidth, siblingHeight = 128, 36
)

// SVG draws the path, the root at the top.
func (p *Path) SVG() template.HTML {
	c := &canvas{width: pathWidth, height: pathTop + pathRow*len(p.Steps) + 36, class: "path",
		label: fmt.Sprintf("The path from entry %d to the root of the tree of %d entries, through %d hashes. The table says the same.", p.Index, p.Size, len(p.Steps))}
	row := func(level int) float64 { return float64(pathTop + pathRow*(len(p.Steps)-level)) } // level 0 is the leaf
	for i, s := range p.Steps {
		y, up := row(i), row(i+1)
		x, edge := float64(pathWidth-siblingWidth-8), float64(pathWidth-siblingWidth-8)
		if s.Left {
			x, edge = 8, siblingWidth+8
		}
		c.add(`<path d="M%s %sV%s" class="stroke-accent wire"/>`, f(pathMiddle), f(y), f(up))
		c.add(`<path d="M%s %sQ%s %s %s %s" class="stroke-line wire"/>`, f(edge), f(y), f(pathMiddle), f(y), f(pathMiddle), f(up))
		c.add(`<rect x="%s" y="%s" width="%d" height="%d" rx="5" class="fill-raised stroke-line"/>`, f(x), f(y-siblingHeight/2), siblingWidth, siblingHeight)
		c.text(x+siblingWidth/2, y-2, "mono", "middle", short(s.Sibling))
		c.text(x+siblingWidth/2, y+12, "minor", "middle", span(s.From, s.To))
	}
	for level := range len(p.Steps) + 1 {
		hash, y := p.Leaf, row(level)
		if level > 0 {
			hash = p.Steps[level-1].Node
		}
		x, anchor := float64(pathMiddle-14), "end" // beside the node, where no sibling is
		if level < len(p.Steps) && p.Steps[level].Left {
			x, anchor = pathMiddle+14, "start"
		}
		switch level {
		case 0:
			c.add(`<rect x="%s" y="%s" width="16" height="16" rx="3" class="fill-accent"/>`, f(pathMiddle-8), f(y-8))
		case len(p.Steps):
			c.add(`<circle cx="%s" cy="%s" r="9" class="fill-accent"/>`, f(pathMiddle), f(y))
		default:
			c.add(`<circle cx="%s" cy="%s" r="5" class="fill-paper stroke-accent wire"/>`, f(pathMiddle), f(y))
		}
		c.text(x, y+4, "mono", anchor, short(hash))
		if level == len(p.Steps) && level > 0 {
			c.text(pathMiddle+16, y+4, "minor", "start", fmt.Sprintf("root of %d entries", p.Size))
		}
	}
	c.text(pathMiddle, row(0)+26, "minor", "middle", fmt.Sprintf("entry %d", p.Index))
	return c.svg()
}

func short(h [32]byte) string { return hex.EncodeToString(h[:4]) + "…" }

func span(from, to int64) string {
	if from == to {
		return fmt.Sprintf("entry %d", from)
	}
	return fmt.Sprintf("%d – %d", from, to)
}
