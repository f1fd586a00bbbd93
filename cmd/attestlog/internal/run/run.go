// Package run keeps a training run in a folder, so that it can be gone on with after an interruption at any point:
//
//	run.json           the run's claims
//	run.receipt.json   the log's receipt for them: its tree picks the rows
//	models/0000        the first weights with their salt, a secret; models/0007 are those after step 7
//	steps/0007.json    the claims of step 7
//	steps/0007.receipt.json
//	steps/0007.witness what proves them, a secret; written only where somebody else is to submit the step
//
// The folder decides what was done. Weights and salt are on disk before the claims that commit to them, and a step
// is taken once its claims are: from then on it is the one that is submitted, whatever happens, with a proof made anew from the weights before and
// after it. What the log has, and the folder lacks the receipt of, is looked up there before anything is said again. So a
// step is never taken twice with different outcomes, and nothing is logged twice.
package run

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/receipt"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/statement/training"
)

// Disk is the folder.
type Disk interface {
	// Read reads a file of at most so many bytes. One that isn't there gives an error that wraps fs.ErrNotExist; a secret
	// that others can read gives an error, too.
	Read(name string, limit int64, secret bool) ([]byte, error)
	// Write writes a file durably, and whole or not at all.
	Write(name string, b []byte, secret bool) error
}

// Log is what a run asks of the log.
type Log interface {
	// Key is the log's.
	Key() note.Verifier
	// Newest finds the newest event of a kind, by the source that trains, that matches; nil if there is none.
	Newest(ctx context.Context, kind event.Kind, match func(*event.Event) bool) (*verify.Receipt, error)
}

// Recorder logs what a draft says, with the proof that a witness makes possible if there is one. When it is first called, all that an
// earlier process of the source left behind has been answered.
type Recorder interface {
	Record(ctx context.Context, d *draft.Draft, w statement.Witness) (*verify.Receipt, error)
}

// The files of a folder.
const (
	claimsFile  = "run.json"
	receiptFile = "run.receipt.json"
)

// ModelFile is where the weights after a step are kept.
func ModelFile(step int64) string { return fmt.Sprintf("models/%04d", step) }

func stepFile(step int64, what string) string { return fmt.Sprintf("steps/%04d.%s", step, what) }

// Errors that callers tell apart.
var (
	ErrNotLogged = errors.New("the run is not in the log yet")
	ErrAnother   = errors.New("the folder holds another run")
)

// Run is a run in its folder. It is not safe for concurrent use.
type Run struct {
	disk   Disk
	log    Log
	draft  *draft.Draft
	text   []byte // of the draft
	first  statement.SaltedWeights
	begun  bool // by an earlier process: something of it may be in the log
	placed *verify.Receipt
	digest event.Digest
	source string

	trainer *training.Trainer
	steps   []*event.TrainingStepClaims // taken, from number 1
	logged  int64                       // how many of them the log has
}

// Open goes on with the run in a folder, or begins one. plan says what run the first weights, which it is given the commitment to, begin;
// a folder that holds any other gives [ErrAnother].
func Open(disk Disk, log Log, plan func(first event.Element) (*draft.Draft, error)) (*Run, error) {
	r := &Run{disk: disk, log: log}
	there, err := disk.Read(claimsFile, draft.MaxFile, false)
	r.begun = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	first, err := r.model(0)
	switch {
	case err == nil: // or an earlier process got no further than this
		r.first = first.Weights
	case r.begun || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("couldn't read the first weights: %w", err)
	default:
		r.first = training.NewWeights()
		if err := r.keepModel(&model.Model{Weights: r.first}); err != nil {
			return nil, err
		}
	}
	if r.draft, err = plan(r.first.Commit()); err != nil {
		return nil, err
	}
	if r.text, err = r.draft.Encode(); err != nil {
		return nil, err
	}
	if r.begun {
		if !bytes.Equal(there, r.text) {
			return nil, ErrAnother
		}
		return r, nil
	}
	return r, disk.Write(claimsFile, r.text, false)
}

// Claims are the run's.
func (r *Run) Claims() *event.TrainingRunClaims { return r.draft.Claims.(*event.TrainingRunClaims) }

// Place makes sure that the run is in the log: it finds it there, or records it. Without a recorder a run that isn't there gives
// [ErrNotLogged]. It returns the run's entry.
func (r *Run) Place(ctx context.Context, recorder Recorder) (*verify.Entry, error) {
	found, err := r.receipt(receiptFile)
	if err != nil {
		return nil, err
	}
	kept := found != nil
	if found == nil && (r.begun || recorder == nil) {
		if found, err = r.log.Newest(ctx, event.TrainingRun, r.isRun); err != nil {
			return nil, err
		}
	}
	switch {
	case found != nil:
	case recorder == nil:
		return nil, ErrNotLogged
	default:
		if found, err = recorder.Record(ctx, r.draft, nil); err != nil {
			return nil, err
		}
	}
	_, entry, err := found.Open(r.log.Key())
	if err != nil {
		return nil, fmt.Errorf("the run's receipt doesn't hold: %w", err)
	}
	if !r.isRun(entry.Event) {
		return nil, errors.New("the run's receipt is that of another event")
	}
	if !kept {
		if err := r.keepReceipt(receiptFile, found); err != nil {
			return nil, err
		}
	}
	r.placed, r.digest, r.source = found, entry.Digest, entry.Event.Source
	return entry, nil
}

// isRun tells whether an event says what the folder says.
func (r *Run) isRun(e *event.Event) bool {
	text, err := draft.Of(e).Encode()
	return err == nil && bytes.Equal(text, r.text)
}

// stepDraft says in public what a step claims. What it is about is the run's subject; the digest is that of the weights' commitment.
func (r *Run) stepDraft(c *event.TrainingStepClaims) *draft.Draft {
	d := *r.draft
	d.Claims, d.Subject.Digest = c, sha256.Sum256(c.After[:])
	return &d
}

func (r *Run) model(step int64) (*model.Model, error) {
	name := ModelFile(step)
	b, err := r.disk.Read(name, model.MaxFile, true)
	if err != nil {
		return nil, err
	}
	m, err := model.Decode(b)
	if err == nil && m.Step != step {
		err = fmt.Errorf("it holds the weights after step %d", m.Step)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func (r *Run) keepModel(m *model.Model) error {
	b, err := m.Encode()
	if err != nil {
		return err
	}
	return r.disk.Write(ModelFile(m.Step), b, true)
}

// receipt reads a receipt; nil if there is none.
func (r *Run) receipt(name string) (*verify.Receipt, error) {
	b, err := r.disk.Read(name, receipt.MaxFile, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := receipt.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return found, nil
}

func (r *Run) keepReceipt(name string, found *verify.Receipt) error {
	b, err := receipt.Encode(found)
	if err != nil {
		return err
	}
	return r.disk.Write(name, b, false)
}
