package statement

import (
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

// anonymization is the table's row for chunks of so many rows.
func anonymization(capacity int) Statement {
	return Statement{
		Name:       fmt.Sprintf("anonymization-%d", capacity),
		Proves:     event.Anonymization,
		Capacity:   capacity,
		MaxColumns: AnonymizationColumns,
		Inputs:     []string{"context", "dataset", "released", "chunk", "rows", "k", "diversity", "suppressed", "columns", "hierarchy"},
		Shows: "The released chunk holds the generalization, by the stated hierarchies, of every row of the raw chunk but the stated number of suppressed ones, each exactly once, and blanks for those. " +
			"In it at least k rows share each combination of quasi-identifiers, with at least the stated number of distinct values of the first column. Direct identifiers are gone.",
		NotShown: []string{
			"That k-anonymity and this diversity are enough to protect the people behind the rows.",
			"Diversity of sensitive columns other than the first: they are released as they are.",
			"That the released rows have fresh salts, and consent masks like those of the raw rows: they are the word of who released them.",
			"That the raw rows are true: they are the word of the data set's controller, who may be the source itself. Made-up rows hide nobody.",
			"Other releases of the same rows, by other hierarchies: together they may tell people apart.",
		},
	}
}

// AnonymizationPublic is what an anonymization proof is about. Elements gives the public inputs.
type AnonymizationPublic struct {
	Context    event.Element // ties the proof to one event
	Dataset    event.Element // D of the raw data set
	Released   event.Element // D of the released one
	Chunk      uint64        // number of the chunk
	Rows       uint64        // rows of the chunk: its capacity, or fewer in the last one
	K          uint64        // rows per class, at least
	Diversity  uint64        // distinct values of the first column per class, at least
	Suppressed uint64        // rows that were left out
	Columns    Layout        // which columns are quasi-identifiers and direct ones
	Hierarchy  event.Element // the commitment to the hierarchies
}

// Elements returns the public inputs in the circuit's order.
func (p AnonymizationPublic) Elements() []event.Element {
	return []event.Element{
		p.Context, p.Dataset, p.Released, number(p.Chunk), number(p.Rows), number(p.K), number(p.Diversity), number(p.Suppressed), number(uint64(p.Columns)), p.Hierarchy,
	}
}

// DeriveAnonymization derives the public inputs of an anonymization statement. Digests,
// rows, and which columns are what come from the two data sets' entries alone.
func DeriveAnonymization(s Statement, c *event.AnonymizationClaims, ctx event.Element, refs Resolver) (AnonymizationPublic, error) {
	fail := func(err error) (AnonymizationPublic, error) { return AnonymizationPublic{}, err }
	raw, err := datasetOf("dataset", c.Dataset, refs)
	if err != nil {
		return fail(err)
	}
	released, err := datasetOf("released", c.Released, refs)
	if err != nil {
		return fail(err)
	}
	layout, err := LayoutOf(raw)
	if err != nil {
		return fail(err)
	}
	if err := checkReleased(raw, released, layout); err != nil {
		return fail(err)
	}
	if c.ChunkRows != int64(s.Capacity) {
		return fail(rangeError(NoSuchChunk, "chunkRows", "%s is about chunks of %d rows, not %d", s.Name, s.Capacity, c.ChunkRows))
	}
	rows := min(raw.Rows-c.Chunk*c.ChunkRows, c.ChunkRows)
	switch {
	case c.Chunk < 0 || rows < 1:
		return fail(rangeError(NoSuchChunk, "chunk", "a data set of %d rows has no chunk %d of %d rows", raw.Rows, c.Chunk, c.ChunkRows))
	// k may be more than the rows of a short last chunk: they are then all suppressed, and no class breaks the promise that the others keep.
	case c.K < 1 || c.K > c.ChunkRows || c.Diversity < 1 || c.Diversity > c.ChunkRows:
		return fail(rangeError(NoSuchChunk, "k", "classes in a chunk of %d rows can't have at least %d rows and %d values", c.ChunkRows, c.K, c.Diversity))
	case c.Suppressed < 0 || c.Suppressed > rows:
		return fail(rangeError(NoSuchChunk, "suppressed", "%d rows of %d can't be suppressed", c.Suppressed, rows))
	}
	d, err := Dataset(raw)
	if err != nil {
		return fail(err)
	}
	e, err := Dataset(released)
	if err != nil {
		return fail(err)
	}
	if _, err := toField("hierarchy", c.Hierarchy); err != nil {
		return fail(err)
	}
	return AnonymizationPublic{
		Context: ctx, Dataset: d, Released: e, Chunk: uint64(c.Chunk), Rows: uint64(rows), K: uint64(c.K),
		Diversity: uint64(c.Diversity), Suppressed: uint64(c.Suppressed), Columns: layout, Hierarchy: c.Hierarchy,
	}, nil
}

func datasetOf(member string, digest event.Digest, refs Resolver) (*event.DatasetClaims, error) {
	e, err := refs.Event(digest)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the data set %s: %w", digest, err)
	}
	c, ok := e.Claims.(*event.DatasetClaims)
	if !ok {
		return nil, rangeError(NotADataset, member, "%s is an event of kind %s, not a data set", digest, e.Kind())
	}
	return c, nil
}

// ComposeAnonymization tells whether proven chunks make one whole release: they are of one raw data set, released in
// one other, by one hierarchy digest and by chunks of one size, and they are all of the chunks of a data set of so many rows, each once. Then
// every class of the release has at least k rows with l distinct values, for the least k and l that any chunk states,
// and as many rows are left out as the chunks state together.
func ComposeAnonymization(chunkRows int, rows int64, chunks []AnonymizationPublic) (k, diversity, suppressed uint64, err error) {
	fail := func(format string, args ...any) (uint64, uint64, uint64, error) {
		return 0, 0, 0, fmt.Errorf("the chunks don't make one release: "+format, args...)
	}
	if chunkRows < 1 || rows < 1 || (rows-1)/int64(chunkRows)+1 != int64(len(chunks)) {
		return fail("there are %d, of %d rows each, for a data set of %d rows", len(chunks), chunkRows, rows)
	}
	seen := make([]bool, len(chunks))
	k, diversity = chunks[0].K, chunks[0].Diversity
	for _, c := range chunks {
		first := chunks[0]
		if c.Dataset != first.Dataset || c.Released != first.Released || c.Columns != first.Columns {
			return fail("they are of different data sets")
		}
		if c.Hierarchy != first.Hierarchy {
			return fail("chunk %d is generalized by other hierarchies than chunk %d", c.Chunk, first.Chunk)
		}
		if c.Chunk >= uint64(len(chunks)) || seen[c.Chunk] {
			return fail("chunk %d stands twice, or isn't there", c.Chunk)
		}
		if want := min(uint64(rows)-c.Chunk*uint64(chunkRows), uint64(chunkRows)); c.Rows != want {
			return fail("chunk %d has %d rows instead of %d", c.Chunk, c.Rows, want)
		}
		seen[c.Chunk] = true
		k, diversity, suppressed = min(k, c.K), min(diversity, c.Diversity), suppressed+c.Suppressed
	}
	return k, diversity, suppressed, nil
}
