// Package release makes the anonymized form of a committed data set, and keeps what it takes to prove it.
//
// A release is fixed once it is made: salts are fresh and rows are in random order, so to make it again is to make another one.
// Two files hold it, both as secret as the data: the released data set's secrets (package dataset), and the record of
// this package, which says how one came from the other. From the two data sets and the record follow, for each chunk, the claims of an
// anonymization event and the witness that proves them, as often as wanted.
package release

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// Terms are what a release promises, chunk by chunk: k and diversity hold in every chunk by itself, and so in the whole.
type Terms struct {
	ChunkRows int // rows of a chunk: 128 or 1,024
	K         int // rows of a class, at least
	Diversity int // distinct values of the first column in a class, at least
}

// Release is a data set with its anonymized form. It is as secret as the data itself.
type Release struct {
	Terms
	Entry     event.Digest // the event that commits to the raw data set
	Raw       *dataset.Dataset
	Released  *dataset.Dataset
	Hierarchy *statement.Hierarchy
	Keep      []bool // for each raw row: it is released
}

// Make anonymizes a data set, which the event entry commits to. by says what each quasi-identifier becomes, name what the released data
// set is called. Rows of classes that don't reach the terms are suppressed; that is no error.
func Make(ctx context.Context, raw *dataset.Dataset, entry event.Digest, by map[string]statement.Generalization, terms Terms, name string, progress dataset.Progress) (*Release, error) {
	if err := terms.check(); err != nil {
		return nil, err
	}
	layout, err := statement.LayoutOf(raw.Claims)
	if err != nil {
		return nil, err
	}
	h, columns, err := statement.Generalize(raw.Claims, by)
	if err != nil {
		return nil, err
	}
	out, err := statement.Anonymize(layout, &h, raw.Rows(), terms.ChunkRows, terms.K, terms.Diversity, rand.Reader)
	if err != nil {
		return nil, err
	}
	released, err := dataset.Build(ctx, name, &event.DatasetClaims{Columns: columns, Purposes: raw.Claims.Purposes}, out.Rows, progress)
	if err != nil {
		return nil, err
	}
	return &Release{Terms: terms, Entry: entry, Raw: raw, Released: released, Hierarchy: &h, Keep: out.Keep}, nil
}

func (t Terms) check() error {
	if _, err := statement.ByName(t.Statement()); err != nil {
		return fmt.Errorf("chunks have 128 or 1,024 rows, not %d", t.ChunkRows)
	}
	if t.K < 1 || t.K > t.ChunkRows || t.Diversity < 1 || t.Diversity > t.ChunkRows {
		return fmt.Errorf("k and l must be 1 to %d, the rows of a chunk, and not %d and %d", t.ChunkRows, t.K, t.Diversity)
	}
	return nil
}

// Statement is the name of the statement that chunks are proven under.
func (t Terms) Statement() string { return fmt.Sprintf("anonymization-%d", t.ChunkRows) }

// Chunks is the number of chunks.
func (r *Release) Chunks() int { return (len(r.Keep)-1)/r.ChunkRows + 1 }

// Claims say in public what became of a chunk. released is the event that commits to the released data set.
func (r *Release) Claims(chunk int, released event.Digest) *event.AnonymizationClaims {
	return &event.AnonymizationClaims{
		Chunk: int64(chunk), ChunkRows: int64(r.ChunkRows), Dataset: r.Entry, Diversity: int64(r.Diversity), Hierarchy: r.Hierarchy.Digest(),
		K: int64(r.K), Released: released, Suppressed: int64(r.Chunk(chunk).Suppressed),
	}
}

// Witness proves the claims of a chunk.
func (r *Release) Witness(chunk int) (*statement.AnonymizationWitness, error) {
	return statement.NewAnonymizationWitness(r.Raw.Table, r.Released.Table, statement.SchemaDigest(r.Raw.Claims), statement.SchemaDigest(r.Released.Claims),
		r.Hierarchy, r.Keep, r.ChunkRows, chunk)
}

// Summary counts what became of a chunk, or of all.
type Summary struct {
	Rows       int `json:"rows"` // of the raw data set
	Suppressed int `json:"suppressed"`
	Classes    int `json:"classes"`  // combinations of quasi-identifiers among the released rows
	Smallest   int `json:"smallest"` // rows of the smallest class; 0 if there is none
}

// Chunk counts what became of one chunk.
func (r *Release) Chunk(chunk int) Summary {
	return r.count(chunk*r.ChunkRows, min((chunk+1)*r.ChunkRows, len(r.Keep)))
}

// Whole counts what became of all rows.
func (r *Release) Whole() Summary { return r.count(0, len(r.Keep)) }

func (r *Release) count(from, to int) Summary {
	s := Summary{Rows: to - from}
	classes := map[[statement.QuasiSlots]uint16]int{}
	for i := from; i < to; i++ {
		if !r.Keep[i] {
			s.Suppressed++
		}
		if row := r.Released.Table.Row(i); !r.blank(row.Cells) {
			classes[r.class(row.Cells)]++
		}
	}
	s.Classes = len(classes)
	for _, n := range classes {
		if s.Smallest == 0 || n < s.Smallest {
			s.Smallest = n
		}
	}
	return s
}

// blank tells whether cells are those of a row that stands for a suppressed one: a released row has no blank quasi-identifier.
func (r *Release) blank(cells []uint16) bool { return cells[statement.FirstQuasi] == 0 }

// class are the codes of the columns that are quasi-identifiers.
func (r *Release) class(cells []uint16) (c [statement.QuasiSlots]uint16) {
	for slot := range c {
		if j := statement.FirstQuasi + slot; j < len(cells) && r.Raw.Claims.Columns[j].Role == event.RoleQuasi {
			c[slot] = cells[j]
		}
	}
	return c
}

// Suppressed are the numbers of the raw rows that are left out.
func (r *Release) Suppressed() []int {
	rows := []int{}
	for i, keep := range r.Keep {
		if !keep {
			rows = append(rows, i)
		}
	}
	return rows
}

// check holds both data sets against what became of the one in the other. A record that was changed is found here, at the latest.
func (r *Release) check() error {
	if len(r.Keep) != r.Raw.Table.Len() || r.Released.Table.Len() != r.Raw.Table.Len() {
		return errors.New("the released data set has another number of rows than the raw one")
	}
	refs := both{r.Entry: {Claims: r.Raw.Claims}, {}: {Claims: r.Released.Claims}}
	s, err := statement.ByName(r.Terms.Statement())
	if err != nil {
		return err
	}
	for chunk := range r.Chunks() {
		p, err := statement.DeriveAnonymization(s, r.Claims(chunk, event.Digest{}), event.Element{}, refs)
		if err != nil {
			return err
		}
		w, err := r.Witness(chunk)
		if err != nil {
			return err
		}
		if err := statement.CheckAnonymization(r.ChunkRows, w, p); err != nil {
			return fmt.Errorf("chunk %d: %w", chunk, err)
		}
	}
	return nil
}

// both resolves the two data sets.
type both map[event.Digest]*event.Event

func (b both) Event(d event.Digest) (*event.Event, error) {
	e, ok := b[d]
	if !ok {
		return nil, fmt.Errorf("event %s is not at hand", d)
	}
	return e, nil
}
