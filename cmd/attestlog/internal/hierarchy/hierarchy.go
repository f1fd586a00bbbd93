// Package hierarchy reads the small YAML file that says how the quasi-identifiers of a data set become coarser.
//
//	format: attestlog-hierarchy/v1
//	columns:
//	  - {name: age, intervals: [0, 30, 40, 50, 60]}      # of integers: where each interval begins
//	  - {name: postcode, prefix: 3}                      # of labels: how many characters stay
//	  - name: job                                        # of labels: which become one, and how that is called
//	    categories:
//	      medical: [nurse, doctor]
//	      office: [clerk]
//	  - {name: sex, keep: true}                          # as it is
//
// Each quasi-identifier of the data set stands there once, and nothing else. What the file comes to is a table of codes
// (statement.Hierarchy), and only the digest of that becomes public; the labels of the released columns become public with the
// released data set's entry.
package hierarchy

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/document"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// MaxFile bounds a hierarchy file, in bytes.
const MaxFile = 1 << 20

// Format is what a hierarchy's first member says.
const Format = "attestlog-hierarchy/v1"

// kind is what such a file is. It is never written to.
var kind = document.Kind{Name: "hierarchy", Format: Format, Max: MaxFile}

// maxLabel bounds a label, in bytes, as events do. A prefix as long keeps every label.
const maxLabel = 128

// Hierarchy is the contents of a hierarchy file, each member checked by itself.
type Hierarchy struct {
	Format  string   `yaml:"format"`
	Columns []Column `yaml:"columns"`
}

// Column says what becomes of one column: exactly one of the four ways.
type Column struct {
	Name       string
	Intervals  []int64
	Prefix     int
	Categories []statement.Category
	Keep       bool

	line int
}

// UnmarshalYAML reads a column, member by member, each with the line that errors name.
func (c *Column) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a column is described as {name: …, intervals: […]}, or with prefix, categories or keep", n.Line)
	}
	c.line = n.Line
	ways := map[string]any{"intervals": &c.Intervals, "prefix": &c.Prefix, "keep": &c.Keep}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if seen[key.Value] {
			return fmt.Errorf("line %d: %q stands twice", key.Line, document.Clip(key.Value))
		}
		seen[key.Value] = true
		var err error
		switch way := ways[key.Value]; {
		case key.Value == "name":
			err = value.Decode(&c.Name)
		case key.Value == "categories":
			c.Categories, err = categories(value)
		case way != nil:
			err = value.Decode(way)
		default:
			err = fmt.Errorf("line %d: a column has no member %q: want name, and one of intervals, prefix, categories, keep", key.Line, document.Clip(key.Value))
		}
		if err != nil {
			return err
		}
	}
	c.Name = norm.NFC.String(c.Name)
	delete(seen, "name")
	if c.Name == "" || len(seen) != 1 {
		return fmt.Errorf("line %d: a column has a name, and one of intervals, prefix, categories, keep", n.Line)
	}
	return c.check(seen)
}

// check refuses ways that say nothing.
func (c *Column) check(way map[string]bool) error {
	switch {
	case way["intervals"] && (len(c.Intervals) == 0 || len(c.Intervals) > statement.MaxQuasiCodes):
		return fmt.Errorf("line %d: column %q: list where each interval begins: 1 to %d integers", c.line, document.Clip(c.Name), statement.MaxQuasiCodes)
	case way["prefix"] && (c.Prefix < 1 || c.Prefix > maxLabel):
		return fmt.Errorf("line %d: column %q: a prefix keeps 1 to %d characters; to keep none, put all labels into one category", c.line, document.Clip(c.Name), maxLabel)
	case way["categories"] && len(c.Categories) == 0:
		return fmt.Errorf("line %d: column %q: name at least one category", c.line, document.Clip(c.Name))
	case way["keep"] && !c.Keep:
		return fmt.Errorf("line %d: column %q: keep is true, or isn't there", c.line, document.Clip(c.Name))
	}
	for i, from := range c.Intervals {
		if i > 0 && from <= c.Intervals[i-1] {
			return fmt.Errorf("line %d: column %q: the intervals must increase, and %d doesn't", c.line, document.Clip(c.Name), from)
		}
	}
	return nil
}

// categories reads a mapping of names to lists of labels, in the file's order, which is that of the released column's labels.
func categories(n *yaml.Node) (list []statement.Category, err error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: categories are written as {name: [label, label], …}", n.Line)
	}
	where := map[string]int{} // of labels and of names, apart by a byte that none has
	once := func(key, text string, line int) error {
		if before := where[key]; before != 0 {
			return fmt.Errorf("line %d: %q stands in line %d already", line, document.Clip(text), before)
		}
		where[key] = line
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		c := statement.Category{}
		if err := errors.Join(key.Decode(&c.Name), value.Decode(&c.Labels)); err != nil {
			return nil, err
		}
		c.Name = norm.NFC.String(c.Name)
		if c.Name == "" || len(c.Name) > maxLabel || c.Name == statement.Blank || len(c.Labels) == 0 {
			return nil, fmt.Errorf("line %d: a category has a name of 1 to %d bytes, which isn't %q, and a list of labels", key.Line, maxLabel, statement.Blank)
		}
		if err := once("\x00"+c.Name, c.Name, key.Line); err != nil {
			return nil, err
		}
		for j := range c.Labels {
			c.Labels[j] = norm.NFC.String(c.Labels[j])
			if err := once(c.Labels[j], c.Labels[j], value.Line); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// Parse reads a hierarchy file. Errors name the line where they can.
func Parse(b []byte) (*Hierarchy, error) {
	h := new(Hierarchy)
	if err := kind.Decode(b, h); err != nil {
		return nil, err
	}
	if err := kind.Check(h.Format); err != nil {
		return nil, err
	}
	for i, c := range h.Columns {
		for _, before := range h.Columns[:i] {
			if before.Name == c.Name {
				return nil, fmt.Errorf("line %d: column %q is described twice (line %d)", c.line, document.Clip(c.Name), before.line)
			}
		}
	}
	return h, nil
}

// Bind holds the file against the data set that it is for, and returns what each quasi-identifier becomes, by name. Every value
// that a quasi-identifier can have must become something, and every label that the file names must be one of the column's: so neither a typing
// error nor a forgotten label goes unnoticed.
func (h *Hierarchy) Bind(data *event.DatasetClaims) (map[string]statement.Generalization, error) {
	by := map[string]statement.Generalization{}
	for _, c := range h.Columns {
		at := slices.IndexFunc(data.Columns, func(col event.Column) bool { return col.Name == c.Name })
		switch {
		case at < 0:
			return nil, fmt.Errorf("line %d: the data set has no column %q", c.line, document.Clip(c.Name))
		case data.Columns[at].Role != event.RoleQuasi:
			return nil, fmt.Errorf("line %d: column %q is %s; only quasi-identifiers are generalized: the data set's schema says which columns are", c.line, document.Clip(c.Name), data.Columns[at].Role)
		}
		g, err := c.bind(data.Columns[at])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", c.line, err)
		}
		by[c.Name] = g
	}
	for _, col := range data.Columns {
		if _, ok := by[col.Name]; col.Role == event.RoleQuasi && !ok {
			return nil, fmt.Errorf("the quasi-identifier %q is missing: say what it becomes, or keep it with {name: %s, keep: true}", col.Name, col.Name)
		}
	}
	return by, nil
}

func (c *Column) bind(col event.Column) (statement.Generalization, error) {
	g := statement.Generalization{Intervals: c.Intervals, Prefix: c.Prefix, Categories: c.Categories}
	if c.Keep {
		g = kept(col)
	}
	if _, _, err := g.Apply(col); err != nil {
		return g, err
	}
	for _, category := range c.Categories {
		for _, l := range category.Labels {
			if !slices.Contains(col.Coding.Category.Labels, l) {
				return g, fmt.Errorf("column %q has no label %q", col.Name, document.Clip(l))
			}
		}
	}
	if span := col.Coding.Integer; span != nil {
		if last := g.Intervals[len(g.Intervals)-1]; last > span.Max {
			return g, fmt.Errorf("column %q goes from %d to %d: no value is in the interval that begins with %d", col.Name, span.Min, span.Max, last)
		}
	}
	return g, nil
}

// kept generalizes nothing: each integer is an interval, each label a prefix of itself.
func kept(col event.Column) (g statement.Generalization) {
	span := col.Coding.Integer
	if span == nil {
		return statement.Generalization{Prefix: maxLabel}
	}
	for v := span.Min; v <= span.Max && len(g.Intervals) <= statement.MaxQuasiCodes; v++ {
		g.Intervals = append(g.Intervals, v)
	}
	return g
}
