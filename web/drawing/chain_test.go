package drawing

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

var proven = Mark{"proven", "proven"}

// elements reads a drawing as strict XML, and counts what is in it.
func elements(t *testing.T, svg string) map[string]int {
	t.Helper()
	count, d := map[string]int{}, xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("the drawing is not well-formed: %v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			count[e.Name.Local]++
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("<%s> has the attribute %s", e.Name.Local, a.Name.Local)
				}
			}
		}
	}
}

// Everything of a chain is in the drawing, whatever it hangs together like, and whatever its texts are.
func TestChain(t *testing.T) {
	const hostile = `</text><script>alert(1)</script>" onload="x`
	node := func(id int64, title string) Node {
		return Node{ID: id, Title: title, Name: "name " + title, By: "by", Verdict: proven, Href: fmt.Sprintf("/entries/%d", id)}
	}
	link := func(from, to int64, name string) Link {
		return Link{From: from, To: to, Name: name, State: proven, Detail: "because", Href: "/entries/1"}
	}
	for name, c := range map[string]struct {
		chain Chain
		boxes int // whole ones and stubs
		want  []string
	}{
		"alone":    {Chain{Start: 1, Nodes: []Node{node(1, "one")}}, 1, []string{"one"}},
		"in a row": {Chain{Start: 3, Nodes: []Node{node(1, "one"), node(2, "two"), node(3, "three")}, Links: []Link{link(3, 2, "made of"), link(2, 1, "of")}}, 3, []string{"made of", "two", "because"}},
		"with a branch": {Chain{Start: 3, Nodes: []Node{node(1, "one"), node(2, "two"), node(3, "three"), node(4, "four")},
			Links: []Link{link(3, 4, "beside"), link(3, 2, "made of"), link(2, 1, "of")}}, 4, []string{"beside", "four", "one"}},
		"breaking off":       {Chain{Start: 1, Nodes: []Node{node(1, "one")}, Links: []Link{link(1, -1, "withheld")}}, 2, []string{"withheld", "Here it breaks off"}},
		"to one place twice": {Chain{Start: 1, Nodes: []Node{node(1, "one"), node(2, "two")}, Links: []Link{link(1, 2, "once"), link(1, 2, "again")}}, 3, []string{"once", "again", "two: see above"}},
		"in a circle":        {Chain{Start: 1, Nodes: []Node{node(1, "one"), node(2, "two")}, Links: []Link{link(1, 2, "there"), link(2, 1, "back")}}, 3, []string{"there", "back", "one: see above"}},
		"without a start":    {Chain{Start: 7, Nodes: []Node{node(1, "one")}}, 0, nil},
		"revoked":            {Chain{Start: 1, Nodes: []Node{{ID: 1, Verdict: proven, Revoked: true}}, Links: []Link{{From: 1, To: -1, State: Mark{"missing", "doubt"}, Revoked: true}}}, 2, []string{"revoked", "dotted"}},
		"with hostile texts": {Chain{Start: 1, Nodes: []Node{{ID: 1, Title: hostile, Name: hostile, By: hostile, Verdict: proven, Href: `/"><script>`}},
			Links: []Link{{From: 1, To: -1, Name: hostile, State: Mark{hostile, "doubt"}, Detail: hostile + strings.Repeat("w", 5000), Href: hostile}}}, 2, []string{"&lt;script&gt;"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, width := range []float64{760, 344} {
				svg, whole := c.chain.SVG(width)
				got := elements(t, string(svg))
				if got["rect"] != c.boxes || !whole || got["script"] > 0 {
					t.Errorf("%d boxes (%v), want %d", got["rect"], whole, c.boxes)
				}
				for _, want := range c.want {
					if !strings.Contains(string(svg), want) {
						t.Errorf("it lacks %q:\n%s", want, svg)
					}
				}
			}
		})
	}
}

// A chain of any length takes a bounded drawing, and says so.
func TestLongChain(t *testing.T) {
	c := Chain{Start: 0}
	for i := range int64(4000) {
		c.Nodes = append(c.Nodes, Node{ID: i, Verdict: proven})
		c.Links = append(c.Links, Link{From: i, To: i + 1, State: proven}, Link{From: i, To: -1, State: proven})
	}
	svg, whole := c.SVG(344)
	if got := elements(t, string(svg)); whole || got["rect"] > maxBoxes+1 || len(svg) > 200_000 {
		t.Errorf("%d boxes, %d bytes, whole: %v", got["rect"], len(svg), whole)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width float64
		most  int
		want  string
	}{
		{"", 100, 3, ""},
		{"one two three four", 1000, 3, "one two three four"},
		{"one two three four", 60, 3, "one two|three|four"},
		{"one two three four", 60, 2, "one two|three f…"},
		{"pneumonoultramicroscopic", 60, 2, "pneum…"},
		{"数据数据数据", 60, 2, "数据数…"},
	} {
		if got := strings.Join(wrap(c.text, 13, c.width, c.most), "|"); got != c.want {
			t.Errorf("%q in %v: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
