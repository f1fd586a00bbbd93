package drawing

import (
	"html/template"
)

// Chain is how something came to be: nodes, and links from what was made to what it was made of.
type Chain struct {
	Start int64 // the node that it begins with
	Nodes []Node
	Links []Link
}

// Node is a box of a chain.
type Node struct {
	ID      int64
	Title   string // what it is
	Name    string // what it is about
	By      string // who says so, where, and when
	Verdict Mark
	Revoked bool
	Href    string
}

// Link leads from a node to another one.
type Link struct {
	From, To int64 // −1: to nothing
	Name     string
	State    Mark
	Revoked  bool
	Detail   string
	Href     string
}

// Mark is a verdict's word, with the name of its shape and colour: proven, claimed, waiting, refused or doubt.
type Mark struct{ Word, Shape string }

// Measures of a drawing, in px.
const (
	boxHeight  = 84.0
	stubHeight = 40.0
	lineHeight = 18.0
	spine      = 18.0 // from a box's left edge to the line that goes down from it
	trunk      = 38.0 // to the line from which the boxes beside that branch off
	indent     = 60.0 // to the left edge of these boxes
	small      = 13.0
	middle     = 14.0
	large      = 15.0
)

// maxBoxes is how many boxes a drawing has at most.
const maxBoxes = 80

// SVG draws the chain from top to bottom, so wide, and tells whether all of it is there: a long one is cut.
func (c *Chain) SVG(width float64) (drawing template.HTML, whole bool) {
	p := &plan{width: width, nodes: map[int64]*Node{}, from: map[int64][]*Link{}, placed: map[int64]bool{}, whole: true}
	for i := range c.Nodes {
		p.nodes[c.Nodes[i].ID] = &c.Nodes[i]
	}
	for i := range c.Links {
		p.from[c.Links[i].From] = append(p.from[c.Links[i].From], &c.Links[i])
	}
	if p.nodes[c.Start] != nil {
		p.chain(c.Start, 1)
	}
	var out sheet
	height := p.y + 2
	out.put(`<svg xmlns="http://www.w3.org/2000/svg" class="chain" width="%v" height="%v" viewBox="0 0 %v %v" role="group" aria-label="The chain as a drawing">`, width, height, width, height)
	out.WriteString(p.lines.String())
	out.WriteString(p.boxes.String())
	out.WriteString(`</svg>`)
	return template.HTML(out.String()), p.whole
}

// plan places boxes one below the other. Of the links of a node one goes straight on, the one that leads furthest; what the others lead to stands
// indented before that.
type plan struct {
	width  float64
	y      float64 // where there is room
	nodes  map[int64]*Node
	from   map[int64][]*Link
	placed map[int64]bool
	count  int
	whole  bool
	lines  sheet // below the boxes
	boxes  sheet
}

// chain draws a node, and all that comes behind it.
func (p *plan) chain(id int64, x float64) {
	for {
		p.box(p.nodes[id], x)
		bottom := p.y
		on, beside := p.split(id)
		for _, l := range beside {
			p.y += 12
			if !p.room() {
				return
			}
			p.label(l, x+indent)
			top := p.y
			middle := top + boxHeight/2
			if p.nodes[l.To] == nil || p.placed[l.To] {
				middle = top + stubHeight/2
			}
			p.line(l, x+trunk, bottom, x+trunk, middle, x+indent, middle)
			p.end(l, x+indent)
		}
		if on == nil {
			return
		}
		if !p.room() {
			return
		}
		p.y += 10
		p.label(on, x+spine+18)
		p.y += 8
		p.line(on, x+spine, bottom, x+spine, p.y)
		if p.nodes[on.To] == nil || p.placed[on.To] {
			p.stub(on, x)
			return
		}
		id = on.To
	}
}

// end draws what a link beside leads to.
func (p *plan) end(l *Link, x float64) {
	if p.nodes[l.To] == nil || p.placed[l.To] {
		p.stub(l, x)
		return
	}
	p.chain(l.To, x)
}

// room tells whether another box may be drawn.
func (p *plan) room() bool {
	p.count++
	p.whole = p.whole && p.count < maxBoxes
	return p.whole
}

// split picks the link that goes straight on.
func (p *plan) split(id int64) (on *Link, beside []*Link) {
	furthest := -1
	for _, l := range p.from[id] {
		if n := p.far(l.To, map[int64]bool{id: true}); n > furthest || n == furthest && on != nil && l.To >= 0 && on.To < 0 {
			on, furthest = l, n
		}
	}
	for _, l := range p.from[id] {
		if l != on {
			beside = append(beside, l)
		}
	}
	return on, beside
}

// far is how many boxes come behind a link at most, up to a bound that no chain of interest has.
func (p *plan) far(id int64, seen map[int64]bool) int {
	if p.nodes[id] == nil || p.placed[id] || seen[id] || len(seen) > maxBoxes {
		return 0
	}
	seen[id] = true
	best := 0
	for _, l := range p.from[id] {
		best = max(best, p.far(l.To, seen))
	}
	return best + 1
}

// box draws a node.
func (p *plan) box(n *Node, x float64) {
	p.placed[n.ID] = true
	width := p.width - x - 1
	b := &p.boxes
	b.put(`<a href="%v"><rect x="%v" y="%v" width="%v" height="%v" rx="8" class="box"/>`, n.Href, x, p.y+1, width, boxHeight-1)
	b.put(`<path d="M%v %vh-2a6 6 0 0 0-6 6v%va6 6 0 0 0 6 6h2z" class="fill-%v"/>`, x+8, p.y+1, boxHeight-13, n.Verdict.Shape)
	room := width - 32
	marks := markWidth(n.Verdict.Word)
	p.mark(b, x+width-marks-12, p.y+16, n.Verdict)
	if n.Revoked {
		p.mark(b, x+width-markWidth("revoked")-12, p.y+36, revoked)
	}
	b.text(x+20, p.y+28, "strong", large, fit(n.Title, large*1.06, room-marks-8))
	name := room
	if n.Revoked {
		name -= markWidth("revoked") + 8
	}
	b.text(x+20, p.y+49, "plain", middle, fit(n.Name, middle, name))
	b.text(x+20, p.y+70, "fill-quiet", small, fit(n.By, small, room))
	b.put(`</a>`)
	p.y += boxHeight
}

var revoked = Mark{"revoked", "doubt"}

// stub draws the end of a link that leads to nothing, or to what stands above.
func (p *plan) stub(l *Link, x float64) {
	width := p.width - x - 1
	b := &p.boxes
	words, href := "Here it breaks off", l.Href
	if n := p.nodes[l.To]; n != nil {
		words, href = n.Title+": see above", n.Href
	}
	b.put(`<a href="%v"><rect x="%v" y="%v" width="%v" height="%v" rx="8" class="box stub"/>`, href, x, p.y+1, width, stubHeight-2)
	b.text(x+20, p.y+25, "fill-quiet", middle, fit(words, middle, width-32))
	b.put(`</a>`)
	p.y += stubHeight
}

// label writes a link's state, its name and its detail.
func (p *plan) label(l *Link, x float64) {
	b := &p.boxes
	b.put(`<a href="%v">`, l.Href)
	p.mark(b, x, p.y+2, l.State)
	at := x + markWidth(l.State.Word) + 8
	if l.Revoked {
		p.mark(b, at, p.y+2, revoked)
		at += markWidth(revoked.Word) + 8
	}
	b.text(at, p.y+14, "plain", middle, fit("· "+l.Name, middle, p.width-at))
	p.y += 20
	for _, line := range wrap(l.Detail, small, p.width-x-4, 4) {
		b.text(x, p.y+13, "fill-quiet", small, line)
		p.y += lineHeight
	}
	b.put(`</a>`)
	p.y += 4
}

// line draws a link with its arrow, along points from x to y to x …
func (p *plan) line(l *Link, points ...float64) {
	shape := l.State.Shape
	if l.Revoked && shape != "refused" {
		shape = "doubt"
	}
	b := &p.lines
	b.put(`<path d="M%v %v`, points[0], points[1])
	for i := 2; i < len(points); i += 2 {
		b.put(`L%v %v`, points[i], points[i+1])
	}
	b.put(`" class="link stroke-%v`, shape)
	switch l.State.Word {
	case "proven":
		b.put(` solid`)
	case "claimed", "waiting":
		b.put(` dashed`)
	case "missing":
		b.put(` dotted`)
	}
	b.put(`"/>`)
	x, y := points[len(points)-2], points[len(points)-1]
	if points[len(points)-4] == x {
		b.put(`<path d="M%v %vl-5-9h10z" class="fill-%v"/>`, x, y, shape)
		return
	}
	b.put(`<path d="M%v %vl-9-5v10z" class="fill-%v"/>`, x, y, shape)
}

// mark draws a verdict's shape and word, with the shapes that stand in every page.
func (p *plan) mark(b *sheet, x, y float64, m Mark) {
	b.put(`<g class="chain-mark %v"><use href="#shape-%v" x="%v" y="%v" width="14" height="14"/>`, m.Shape, m.Shape, x, y)
	b.text(x+19, y+12, "word fill-"+m.Shape, middle, m.Word)
	b.put(`</g>`)
}

func markWidth(word string) float64 { return 19 + wide(word, middle*1.12) }
