package verify_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

// releaser proves chunks of one release of 200 rows on a paper log.
type releaser struct {
	*paperLog
	circuit       circuit.Circuit
	keys          *keys.Keys
	raw, released *event.DatasetClaims
	tables        [2]*table.Table
	hierarchy     statement.Hierarchy
	out           *statement.Anonymized
	entries       [2]event.Digest // of the data sets
}

const releaseK, releaseL = 4, 2

func newReleaser(t *testing.T) *releaser {
	t.Helper()
	c, err := circuit.ByName("anonymization-128")
	if err != nil {
		t.Fatal(err)
	}
	r := &releaser{paperLog: newPaperLog(t), circuit: c,
		keys: keytest.Keys(t, c.Statement.Name, func() (constraint.ConstraintSystem, error) { return c.Compile() })}
	labels := func(l ...string) event.Coding {
		return event.Coding{Category: &event.CategoryCoding{Labels: l}}
	}
	r.raw = &event.DatasetClaims{Rows: 200, Purposes: []string{"research"}, Columns: []event.Column{
		{Name: "illness", Role: event.RoleSensitive, Coding: labels("flu", "cold")},
		{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 0, Max: 99}}},
		{Name: "sex", Role: event.RoleQuasi, Coding: labels("f", "m")},
		{Name: "town", Role: event.RoleQuasi, Coding: labels("Bonn", "Berlin")},
	}}
	rows := make([]table.Row, r.raw.Rows)
	for i := range rows {
		rows[i] = table.Row{Cells: []uint16{uint16(i % 2), uint16(i / 3 % 90), uint16(i / 5 % 2), uint16(i / 7 % 2)}, Salt: table.Salt{byte(i), 1}}
	}
	rows[5].Cells[1], rows[150].Cells[1] = 95, 95 // alone in their classes
	h, columns, err := statement.Generalize(r.raw, map[string]statement.Generalization{"age": {Intervals: []int64{0, 92}}, "sex": {Prefix: 1}, "town": {Prefix: 1}})
	if err != nil {
		t.Fatal(err)
	}
	layout, err := statement.LayoutOf(r.raw)
	if err != nil {
		t.Fatal(err)
	}
	if r.out, err = statement.Anonymize(layout, &h, rows, 128, releaseK, releaseL, rand.Reader); err != nil {
		t.Fatal(err)
	}
	released := *r.raw
	released.Columns = columns
	r.released, r.hierarchy = &released, h
	for i, side := range []struct {
		claims *event.DatasetClaims
		rows   []table.Row
	}{{r.raw, rows}, {r.released, r.out.Rows}} {
		if r.tables[i], err = table.Build(context.Background(), 4, side.rows, nil); err != nil {
			t.Fatal(err)
		}
		root := r.tables[i].Root()
		side.claims.Root = root.Bytes()
	}
	return r
}

// begin writes what the chunks rest on.
func (r *releaser) begin() {
	h, none := &history{t: r.t}, event.Digest{}
	r.write(r.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
	registered := theStatement()
	registered.Name, registered.Proves, registered.VerifyingKey = r.circuit.Statement.Name, event.Anonymization, r.keys.VerifyingKey.Bytes()
	r.write(r.draft("op/1", registered, none), 'o', nil)
	r.write(r.draft("op/1", h.register("bank/1", 'b', event.RoleController), none), 'o', nil)
	r.write(r.draft("op/1", h.register("lab/1", 'g', event.RoleService), none), 'o', nil)
	r.entries[0] = r.write(r.draft("bank/1", r.raw, none), 'b', nil)
	r.entries[1] = r.write(r.draft("bank/1", r.released, none), 'b', nil)
}

func (r *releaser) claims(chunk int, h *statement.Hierarchy) *event.AnonymizationClaims {
	return &event.AnonymizationClaims{Chunk: int64(chunk), ChunkRows: 128, Dataset: r.entries[0], Released: r.entries[1], K: releaseK, Diversity: releaseL,
		Suppressed: r.out.Suppressed(128, chunk), Hierarchy: h.Digest()}
}

// prove proves a chunk by hierarchies, and returns the entry's index.
func (r *releaser) prove(chunk int, h *statement.Hierarchy) int64 {
	r.t.Helper()
	e := r.draft("lab/1", r.claims(chunk, h), verify.StatementID(r.keys.VerifyingKey.Bytes()))
	r.write(e, 'g', func(digest event.Digest) []byte {
		w, err := statement.NewAnonymizationWitness(r.tables[0], r.tables[1], statement.SchemaDigest(r.raw), statement.SchemaDigest(r.released), h, r.out.Keep, 128, chunk)
		if err != nil {
			r.t.Fatal(err)
		}
		assignment, err := r.circuit.Assign(w, e, digest, written{r.entries[0]: r.raw, r.entries[1]: r.released})
		if err != nil {
			r.t.Fatal(err)
		}
		proof, _, err := r.keys.Prove(r.t.Context(), assignment)
		if err != nil {
			r.t.Fatal(err)
		}
		return proof
	})
	return int64(len(r.leaves)) - 1
}

// Two chunks, each with a real proof, make one release, whoever proved them and in whatever order; and nothing else does.
func TestVerifyRelease(t *testing.T) {
	r := newReleaser(t)
	r.begin()
	second := r.prove(1, &r.hierarchy)
	first := r.prove(0, &r.hierarchy)
	// The same rows by hierarchies that differ where no row is: true as well, and of another commitment.
	other := r.hierarchy
	other[0][99] = 0
	elsewhere := r.prove(0, &other)
	r.write(r.draft("lab/1", r.claims(0, &r.hierarchy), event.Digest{}), 'g', nil)
	claimed := int64(len(r.leaves)) - 1

	evidence := func(indices ...int64) (list []*verify.Evidence) {
		for _, i := range indices {
			list = append(list, r.gather(i))
		}
		return list
	}
	whole, err := verify.VerifyRelease(r.key, nil, evidence(second, first))
	if err != nil {
		t.Fatal(err)
	}
	if whole.Rows != 200 || whole.K != releaseK || whole.Diversity != releaseL || whole.Suppressed != 2 || whole.Raw != r.entries[0] || whole.Released != r.entries[1] ||
		!slices.Equal(whole.Entries, []int64{first, second}) {
		t.Errorf("the release is %+v", whole)
	}
	if said := whole.String(); !strings.Contains(said, "of 200 rows, 2 are suppressed, and at least 4 rows share") {
		t.Errorf("it is said as %q", said)
	}

	if s := whole.Statements; len(s) != 1 || s[0].ID != verify.StatementID(r.keys.VerifyingKey.Bytes()) {
		t.Errorf("the release relies on %v", s)
	}
	if s := r.trace(5, false).Statements(); len(s) != 1 || s[0].ID != whole.Statements[0].ID {
		t.Errorf("where it comes from relies on %v", s)
	}

	link := fmt.Sprintf("5 raw data 4: proven via [%d %d]", second, first)
	if got := lines(r.trace(5, false)); !slices.Equal(got, []string{link}) {
		t.Errorf("the released data set comes from %q", got)
	}

	tampered := r.gather(first)
	tampered.Event.Leaf = append([]byte(nil), tampered.Event.Leaf...)
	tampered.Event.Leaf[len(tampered.Event.Leaf)-3]++
	for _, tc := range []struct {
		name   string
		chunks []*verify.Evidence
		want   string
	}{
		{"nothing", nil, "at least one chunk"},
		{"one of two", evidence(first), "the chunks don't make one release: there are 1"},
		{"one of them twice", evidence(first, first), "chunk 0 stands twice"},
		{"one more", evidence(first, second, first), "the chunks don't make one release: there are 3"},
		{"by other hierarchies", evidence(elsewhere, second), "by other hierarchies"},
		{"one without a proof", evidence(claimed, second), "is not proven: it is claimed"},
		{"a data set", evidence(5, second), "an event of kind dataset, not an anonymized chunk"},
		{"one that was changed", []*verify.Evidence{tampered, r.gather(second)}, "does not hold"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := verify.VerifyRelease(r.key, nil, tc.chunks); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %v, want %q", got, err, tc.want)
			}
		})
	}

	revoke := &event.StatementClaims{Action: event.StatementRevoke, Statement: verify.StatementID(r.keys.VerifyingKey.Bytes()), From: second}
	r.write(r.draft("op/1", revoke, event.Digest{}), 'o', nil)
	if _, err := verify.VerifyRelease(r.key, nil, evidence(first, second)); err == nil || !strings.Contains(err.Error(), "is in doubt") {
		t.Errorf("after the statement was revoked: %v", err)
	}
	if got := lines(r.trace(5, false)); !slices.Equal(got, []string{link + ", in doubt"}) {
		t.Errorf("after that, the released data set comes from %q", got)
	}
}
