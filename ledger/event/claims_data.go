package event

import (
	"strings"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// Limits of a data set's description.
const (
	MaxColumns  = 210 // one row of 14 cell elements, 15 cells each, still fits one hash: see prover/gadget/SPEC.md
	MaxPurposes = 64  // one bit each in a row's consent mask
	MaxLabels   = 4096
	MaxRows     = 1 << 20 // 262,144 blocks of 4 rows
)

// DatasetClaims commit to a table; the source that signs them is the data's controller.
//
// The commitment D is never stated: it is H_table(Root, Rows, schema digest), so that everyone computes it from what stands here and nothing can contradict it.
type DatasetClaims struct {
	Columns  []Column
	Purposes []string // ordered: purpose i is bit i of each row's consent mask
	Root     Element  // Merkle root of the salted rows
	Rows     int64
}

// Column describes one column. The order of the columns is that of the cells in a row.
type Column struct {
	Coding Coding
	Name   string
	Role   Role
}

// Role is what a column's values can do to the people behind the rows.
type Role string

const (
	RoleDirect    Role = "direct"    // names a person: must be gone after anonymization
	RoleQuasi     Role = "quasi"     // names a person together with others
	RoleSensitive Role = "sensitive" // what must not be linked to a person
	RoleOther     Role = "other"
)

// Coding is how a column's values become 16-bit codes: one of IntegerCoding and CategoryCoding, the other zero.
type Coding struct {
	Integer  *IntegerCoding
	Category *CategoryCoding
}

// IntegerCoding: code = value − Min, for Min ≤ value ≤ Max; Max − Min < 65,536.
type IntegerCoding struct{ Min, Max int64 }

// CategoryCoding: code = the value's place in Labels, from 0.
type CategoryCoding struct{ Labels []string }

func (*DatasetClaims) Kind() Kind { return Dataset }

func (c *DatasetClaims) members(o *canon.Object) {
	n := len(c.Columns)
	o.List("columns", &n, 1, MaxColumns, func(i int, el *canon.Element) {
		if i == len(c.Columns) {
			c.Columns = append(c.Columns, Column{})
		}
		el.Object(c.Columns[i].members)
	})
	distinct(o, "columns", n, func(i int) string { return c.Columns[i].Name })
	texts(o, "purposes", &c.Purposes, 0, MaxPurposes, 64)
	distinct(o, "purposes", len(c.Purposes), func(i int) string { return c.Purposes[i] })
	element(o, "root", &c.Root)
	o.Int("rows", &c.Rows, 1, maxRows(len(c.Columns)))
}

// maxRows is how many rows of that many columns a table has room for: 262,144 blocks of 4, 2 or 1 rows.
func maxRows(columns int) int64 {
	switch {
	case columns <= 30:
		return MaxRows
	case columns <= 90:
		return MaxRows / 2
	}
	return MaxRows / 4
}

func (c *Column) members(o *canon.Object) {
	o.Object("coding", c.Coding.members)
	o.Text("name", &c.Name, 1, 64)
	o.Word("role", (*string)(&c.Role), string(RoleDirect), string(RoleQuasi), string(RoleSensitive), string(RoleOther))
}

func (c *Coding) members(o *canon.Object) {
	switch {
	case o.Has("labels", c.Category != nil):
		if o.Reading() {
			c.Category = new(CategoryCoding)
		}
		texts(o, "labels", &c.Category.Labels, 1, MaxLabels, 128)
		labels := c.Category.Labels
		distinct(o, "labels", len(labels), func(i int) string { return labels[i] })
		o.Literal("type", "category")
	default:
		if o.Reading() {
			c.Integer = new(IntegerCoding)
		}
		if c.Integer == nil {
			o.Fail("type", "a coding is either by integer or by category")
			return
		}
		o.Int("max", &c.Integer.Max, -canon.MaxInt, canon.MaxInt)
		o.Int("min", &c.Integer.Min, -canon.MaxInt, canon.MaxInt)
		if span := c.Integer.Max - c.Integer.Min; o.Err() == nil && (span < 0 || span > 65535) {
			o.Fail("max", "the values from min to max must fit 16 bits")
		}
		o.Literal("type", "integer")
	}
}

// DataAccessClaims: exactly Records distinct rows of a data set were read, each consenting to the purpose, and of each only the cells of Columns.
//
// Not shown: that the source read nothing else.
type DataAccessClaims struct {
	Accesses Element  // commitment to the list of what was read; prover/gadget/SPEC.md
	Columns  []string // the columns read, in the data set's order
	Dataset  Digest   // the event that commits to the data set
	Purpose  string   // one of the data set's purposes
	Records  int64
}

func (*DataAccessClaims) Kind() Kind { return DataAccess }

func (c *DataAccessClaims) members(o *canon.Object) {
	element(o, "accesses", &c.Accesses)
	texts(o, "columns", &c.Columns, 1, MaxColumns, 64)
	distinct(o, "columns", len(c.Columns), func(i int) string { return c.Columns[i] })
	o.Hex("dataset", c.Dataset[:])
	o.Text("purpose", &c.Purpose, 1, 64)
	o.Int("records", &c.Records, 1, MaxRows)
}

// AnonymizationClaims: one chunk of a data set was generalized into the same chunk of another data set. Which columns are quasi-identifiers, sensitive
// or direct identifiers is said by the data set, not here.
type AnonymizationClaims struct {
	Chunk      int64   // the chunk's number, from 0: rows [Chunk·ChunkRows, (Chunk+1)·ChunkRows)
	ChunkRows  int64   // rows of a chunk: 128 or 1,024
	Dataset    Digest  // the event that commits to the raw data set
	Diversity  int64   // l: distinct sensitive values per class, at least
	Hierarchy  Element // commitment to the generalization hierarchies; prover/statement/SPEC.md
	K          int64   // rows per class, at least
	Released   Digest  // the event that commits to the released data set
	Suppressed int64   // rows of the chunk that were left out
}

func (*AnonymizationClaims) Kind() Kind { return Anonymization }

func (c *AnonymizationClaims) members(o *canon.Object) {
	o.Int("chunk", &c.Chunk, 0, MaxRows/128-1)
	o.Int("chunkRows", &c.ChunkRows, 128, 1024)
	o.Hex("dataset", c.Dataset[:])
	o.Int("diversity", &c.Diversity, 1, 1024)
	element(o, "hierarchy", &c.Hierarchy)
	o.Int("k", &c.K, 1, 1024)
	o.Hex("released", c.Released[:])
	o.Int("suppressed", &c.Suppressed, 0, 1024)
}

// ErasureClaims: what was kept off the log about an event is gone. The event itself stays: it never held private data.
type ErasureClaims struct {
	Event  Digest
	Reason string
	Scope  string // "salts", "payload", or "all"
}

func (*ErasureClaims) Kind() Kind { return Erasure }

func (c *ErasureClaims) members(o *canon.Object) {
	o.Hex("event", c.Event[:])
	o.Text("reason", &c.Reason, 1, 256)
	o.Word("scope", &c.Scope, "all", "payload", "salts")
}

// texts describes a list of min to max strings of 1 to size bytes.
func texts(o *canon.Object, name string, list *[]string, min, max, size int) {
	n := len(*list)
	o.List(name, &n, min, max, func(i int, el *canon.Element) {
		if i == len(*list) {
			*list = append(*list, "")
		}
		el.Text(&(*list)[i], 1, size)
	})
}

// distinct refuses a list in which a name stands twice.
func distinct(o *canon.Object, list string, n int, name func(int) string) {
	if o.Err() != nil {
		return
	}
	if twice, found := repeated(n, name); found {
		o.Fail(list, "%q stands twice", canon.Clip(strings.ToValidUTF8(twice, "?")))
	}
}

// repeated finds a name that stands twice. Most lists are short, and comparing all pairs of a few names is quicker than a map.
func repeated(n int, name func(int) string) (twice string, found bool) {
	if n <= 16 {
		for i := range n {
			for j := range i {
				if name(i) == name(j) {
					return name(i), true
				}
			}
		}
		return "", false
	}
	seen := make(map[string]bool, n)
	for i := range n {
		if seen[name(i)] {
			return name(i), true
		}
		seen[name(i)] = true
	}
	return "", false
}
