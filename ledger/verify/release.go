package verify

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// Release is what proven chunks come to together: one data set that is the anonymized form of another.
type Release struct {
	Raw, Released event.Digest // the events that commit to the two data sets
	RawName, Name string       // their subjects' names: the controllers' words
	Rows          int64        // of each
	Entries       []int64      // of the chunks, by number
	K, Diversity  uint64       // of every class in the whole release, at least
	Suppressed    uint64       // rows that were left out
	// Statements are those under which the chunks are proven, each once: whoever knows the secrets of their keys could forge chunks.
	Statements []StatementState
}

// VerifyRelease verifies the evidence about each chunk of a release, and that the chunks are all of those that there are, each once, by
// one hierarchy: then what each of them keeps to, the whole does. Chunks in doubt are refused: see their reports. The policy may be nil.
func VerifyRelease(key note.Verifier, policy *Policy, chunks []*Evidence) (*Release, error) {
	if len(chunks) == 0 {
		return nil, fmt.Errorf("a release has at least one chunk")
	}
	checks := make([]*check, len(chunks))
	for i, ev := range chunks {
		c, err := ev.run(key, policy)
		if err != nil {
			return nil, fmt.Errorf("entry %d does not hold: %w", ev.Event.Index, err)
		}
		if claims, ok := c.Entry.Event.Claims.(*event.AnonymizationClaims); ok && c.Verdict == Proven && len(c.Doubts) > 0 {
			return nil, fmt.Errorf("entry %d, chunk %d, is in doubt: %s", c.Entry.Index, claims.Chunk, c.Doubts[0])
		}
		checks[i] = c
	}
	return compose(checks)
}

// compose puts chunks together whose evidence was verified.
func compose(chunks []*check) (*Release, error) {
	r := &Release{}
	var parts []statement.AnonymizationPublic
	var chunkRows int64
	for i, c := range chunks {
		report := c.Report
		claims, ok := report.Entry.Event.Claims.(*event.AnonymizationClaims)
		switch {
		case !ok:
			return nil, fmt.Errorf("entry %d is an event of kind %s, not an anonymized chunk", report.Entry.Index, report.Entry.Event.Kind())
		case report.Verdict != Proven:
			return nil, fmt.Errorf("entry %d, chunk %d, is not proven: it is %s", report.Entry.Index, claims.Chunk, report.Verdict)
		}
		if i == 0 {
			if err := r.of(claims, c.resolver()); err != nil {
				return nil, err
			}
			chunkRows = claims.ChunkRows
		}
		if claims.ChunkRows != chunkRows || claims.Dataset != r.Raw || claims.Released != r.Released {
			return nil, fmt.Errorf("entry %d is a chunk of another release than entry %d", report.Entry.Index, chunks[0].Entry.Index)
		}
		s, err := statement.Registered(c.under.Claims)
		if err != nil {
			return nil, err
		}
		p, err := statement.DeriveAnonymization(s, claims, event.Element{}, c.resolver())
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
		r.Statements = withStatement(r.Statements, report)
	}
	r.Entries = make([]int64, len(parts))
	for i, p := range parts {
		if p.Chunk < uint64(len(parts)) { // composing refuses others
			r.Entries[p.Chunk] = chunks[i].Entry.Index
		}
	}
	var err error
	r.K, r.Diversity, r.Suppressed, err = statement.ComposeAnonymization(int(chunkRows), r.Rows, parts)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// withStatement adds the statement under which a report's proof verified to a list that has each once.
func withStatement(list []StatementState, r *Report) []StatementState {
	if r.Groth16 == nil || slices.ContainsFunc(list, func(s StatementState) bool { return s.ID == r.Groth16.Statement.ID }) {
		return list
	}
	return append(list, r.Groth16.Statement)
}

// of fills in what the first chunk says about the whole.
func (r *Release) of(claims *event.AnonymizationClaims, refs statement.Resolver) error {
	r.Raw, r.Released = claims.Dataset, claims.Released
	raw, err := refs.Event(claims.Dataset)
	if err != nil {
		return err
	}
	released, err := refs.Event(claims.Released)
	if err != nil {
		return err
	}
	data, ok := raw.Claims.(*event.DatasetClaims)
	if !ok {
		return fmt.Errorf("event %s is no data set", claims.Dataset)
	}
	r.RawName, r.Name, r.Rows = raw.Subject.Name, released.Subject.Name, data.Rows
	return nil
}

// String says it in a sentence.
func (r *Release) String() string {
	return fmt.Sprintf("%q is the anonymized form of %q: of %s, %d are suppressed, and at least %s share each combination of quasi-identifiers, with at least %s of the first column. Proven of all chunks that there are: %d.",
		r.Name, r.RawName, several(r.Rows, "row"), r.Suppressed, several(int64(r.K), "row"), several(int64(r.Diversity), "value"), len(r.Entries))
}
