package statement

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// Generalization says how a column's values become coarser: by exactly one of three ways.
type Generalization struct {
	// Intervals are the first values of each interval, increasing; the last one ends with the column's range. For columns of integers.
	Intervals []int64
	// Prefix is how many characters of a label stay; the others become one *. For columns of labels.
	Prefix int
	// Categories says which labels become one, and how that is called. For columns of labels.
	Categories []Category
}

// Category is a generalized value: the name, and the labels that it stands for.
type Category struct {
	Name   string
	Labels []string
}

// Apply returns the generalized labels of a column, the blank first, and for each code of the column the number of its label. Each
// code has one, and none is blank.
func (g Generalization) Apply(c event.Column) (labels []string, codes []uint8, err error) {
	fail := func(format string, args ...any) ([]string, []uint8, error) {
		return nil, nil, fmt.Errorf("couldn't generalize column %q: "+format, append([]any{c.Name}, args...)...)
	}
	ways := 0
	for _, used := range []bool{g.Intervals != nil, g.Prefix != 0, g.Categories != nil} {
		if used {
			ways++
		}
	}
	if ways != 1 || g.Prefix < 0 {
		return fail("a hierarchy is either intervals, or a prefix, or categories")
	}
	labels = []string{Blank}
	name := func(label string) error {
		at := slices.Index(labels, label)
		if at == 0 {
			return fmt.Errorf("%q is the blank, and no label", label)
		}
		if at < 0 {
			at = len(labels)
			labels = append(labels, label)
		}
		if at >= MaxLabelCodes {
			return fmt.Errorf("there are more than %d labels", MaxLabelCodes-1)
		}
		codes = append(codes, uint8(at))
		return nil
	}
	switch coding := c.Coding; {
	case coding.Integer != nil && g.Intervals != nil:
		if coding.Integer.Max-coding.Integer.Min >= MaxQuasiCodes {
			return fail("it has more than %d codes", MaxQuasiCodes)
		}
		for v := coding.Integer.Min; v <= coding.Integer.Max; v++ {
			label, err := g.interval(v, coding.Integer)
			if err == nil {
				err = name(label)
			}
			if err != nil {
				return fail("%w", err)
			}
		}
	case coding.Category != nil && g.Intervals == nil:
		if len(coding.Category.Labels) > MaxQuasiCodes {
			return fail("it has more than %d codes", MaxQuasiCodes)
		}
		for _, l := range coding.Category.Labels {
			label, err := g.label(l)
			if err == nil {
				err = name(label)
			}
			if err != nil {
				return fail("%w", err)
			}
		}
	default:
		return fail("intervals are for integers, prefixes and categories for labels")
	}
	return labels, codes, nil
}

// interval names the interval that a value is in.
func (g Generalization) interval(v int64, c *event.IntegerCoding) (string, error) {
	for i, from := range g.Intervals {
		if i > 0 && from <= g.Intervals[i-1] {
			return "", fmt.Errorf("the intervals don't increase at %d", from)
		}
	}
	i, found := slices.BinarySearch(g.Intervals, v)
	if !found {
		i--
	}
	if i < 0 {
		return "", fmt.Errorf("%d is in no interval", v)
	}
	to := c.Max
	if i+1 < len(g.Intervals) {
		to = g.Intervals[i+1] - 1
	}
	if from := g.Intervals[i]; from != to {
		return fmt.Sprintf("%d–%d", from, to), nil
	}
	return strconv.FormatInt(to, 10), nil
}

// label names what a label becomes.
func (g Generalization) label(l string) (string, error) {
	if g.Prefix > 0 {
		if r := []rune(l); len(r) > g.Prefix {
			return string(r[:g.Prefix]) + "*", nil
		}
		return l, nil
	}
	name, times := "", 0
	for _, c := range g.Categories {
		if slices.Contains(c.Labels, l) {
			name, times = c.Name, times+1
		}
	}
	if times != 1 || name == "" {
		return "", fmt.Errorf("%q is in %d categories instead of one that has a name", l, times)
	}
	return name, nil
}

// Hierarchy is what the quasi-identifiers of a data set are generalized to: for each of the six
// slots and each raw code the released code. A code that isn't listed becomes 0, the blank.
type Hierarchy [QuasiSlots][MaxQuasiCodes]uint8

// Generalize makes the hierarchy of a raw data set, from a generalization for each quasi-identifier, by name, and the
// columns of the released data set.
func Generalize(raw *event.DatasetClaims, by map[string]Generalization) (h Hierarchy, released []event.Column, err error) {
	layout, err := LayoutOf(raw)
	if err != nil {
		return h, nil, err
	}
	if len(by) != layout.QuasiCount() {
		return h, nil, fmt.Errorf("there are hierarchies for %d columns, and %d quasi-identifiers", len(by), layout.QuasiCount())
	}
	for j, col := range raw.Columns {
		switch col.Role {
		case event.RoleDirect:
			col.Role, col.Coding = event.RoleOther, event.Coding{Category: &event.CategoryCoding{Labels: []string{Blank}}}
		case event.RoleQuasi:
			g, ok := by[col.Name]
			if !ok {
				return h, nil, fmt.Errorf("there is no hierarchy for the quasi-identifier %q", col.Name)
			}
			labels, codes, err := g.Apply(col)
			if err != nil {
				return h, nil, err
			}
			copy(h[j-FirstQuasi][:], codes)
			col.Coding = event.Coding{Category: &event.CategoryCoding{Labels: labels}}
		}
		released = append(released, col)
	}
	return h, released, nil
}

// hierarchyCodes is how many codes of one byte are packed into an element of the commitment.
const hierarchyCodes = 30

// Digest is the commitment to a hierarchy: the hash of its bytes, slot after slot, 30 to an
// element, the first one lowest.
func (h *Hierarchy) Digest() event.Element {
	var all []byte
	for slot := range h {
		all = append(all, h[slot][:]...)
	}
	var in []fr.Element
	for group := range slices.Chunk(all, hierarchyCodes) {
		number := slices.Clone(group)
		slices.Reverse(number)
		var e fr.Element
		e.SetBytes(number)
		in = append(in, e)
	}
	return fromField(poseidon.Sum(poseidon.Hierarchy, in...))
}
