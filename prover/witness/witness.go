// Package witness turns what a prover knows into bytes and back, and seals it for a proving worker.
//
// A witness (statement.Witness) is private: rows of a data set, salts, weights. Who can't wait for a proof encrypts it with
// age to the proving workers whose recipients stand in the log ([Seal]); the worker decrypts it ([Open]). A witness file on disk, which
// should have mode 0600, is just what [Encode] returns.
//
// The form is binary and strict: there is exactly one encoding of a witness, and no two witnesses have the same. Every length
// is bounded before anything is made room for. SPEC.md has it byte for byte, testdata has vectors.
//
// What decodes is well-shaped, not true: indices may be out of range, and rows made up. Native twin and circuit judge that.
// No error of this package quotes what a witness holds.
package witness

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/prover/statement"
)

// MaxBytes is the most bytes that an encoded witness may have. The largest of today's statements, anonymization-1024, takes 200 thousand.
const MaxBytes = 1 << 20

// ErrMalformed tells that bytes are no encoded witness.
var ErrMalformed = errors.New("the witness is malformed")

// header begins every encoded witness. The kind of events that it is about and a line feed follow, then the members.
const header = "attestlog-witness/v1 "

// format is a row of the table of kinds of witnesses.
type format struct {
	begin string                              // header, kind, line feed
	blank func() statement.Witness            // to read into
	walk  func(w *wire, of statement.Witness) // goes through the members; of is what blank returns
}

// formatOf is the row for a kind of witness: blank and walk by its type alone.
func formatOf[W statement.Witness](blank func() W, walk func(*wire, W)) format {
	return format{
		begin: header + blank().Proves().String() + "\n",
		blank: func() statement.Witness { return blank() },
		walk: func(w *wire, of statement.Witness) {
			if concrete, ok := of.(W); ok {
				walk(w, concrete)
				return
			}
			w.fail("witness", "the type %T has no encoding", of)
		},
	}
}

// formats is the table. It is never written to.
var formats = []format{
	formatOf(func() *statement.DataAccessWitness { return new(statement.DataAccessWitness) }, dataAccess),
	formatOf(blankTrainingStep, trainingStep),
	formatOf(func() *statement.ModelVersionWitness { return new(statement.ModelVersionWitness) }, modelVersion),
	formatOf(blankAnonymization, anonymization),
}

// Encode returns the one encoding of a witness. It refuses what has none: lists of other lengths than their kind of witness has, and
// members that are missing.
func Encode(of statement.Witness) ([]byte, error) {
	if of == nil {
		return nil, errors.New("couldn't encode the witness: there is none")
	}
	begin := header + of.Proves().String() + "\n"
	for _, f := range formats {
		if f.begin != begin {
			continue
		}
		w := &wire{out: []byte(begin)}
		f.walk(w, of)
		if w.err == nil && len(w.out) > MaxBytes {
			w.fail("witness", "it has %d bytes, and may have %d", len(w.out), MaxBytes)
		}
		if w.err != nil {
			return nil, fmt.Errorf("couldn't encode the witness: %w", w.err)
		}
		return w.out, nil
	}
	return nil, fmt.Errorf("couldn't encode the witness: a witness of kind %s has no encoding", of.Proves())
}

// Decode reads what [Encode] wrote, and nothing else: for every b that it takes, Encode(Decode(b)) is b. Its errors are [ErrMalformed].
func Decode(b []byte) (statement.Witness, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, and may have %d", ErrMalformed, len(b), MaxBytes)
	}
	for _, f := range formats {
		members, ok := bytes.CutPrefix(b, []byte(f.begin))
		if !ok {
			continue
		}
		w, of := &wire{reading: true, in: members}, f.blank()
		f.walk(w, of)
		if w.err == nil && len(w.in) > 0 {
			w.fail("witness", "%d bytes too many", len(w.in))
		}
		if w.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, w.err)
		}
		return of, nil
	}
	return nil, fmt.Errorf("%w: it doesn't begin as an encoded witness does", ErrMalformed)
}
