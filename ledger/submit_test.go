package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// parseTree reads a checkpoint's text. tlog.ParseTree wants the Go checksum database's own name in the first line.
func parseTree(text string) (tlog.Tree, error) {
	rest, ok := strings.CutPrefix(text, origin+"\n")
	if !ok {
		return tlog.Tree{}, errors.New("it is of another log")
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

func TestSubmit(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	for range 3 {
		w.must(w.say("gateway/1", 'g', claim(data, 3)))
	}
	var batch []*event.Submission
	for range 100 {
		batch = append(batch, w.say("gateway/1", 'g', claim(data, 4)), w.say("bank/1", 'b', claim(data, 5)))
	}
	receipts := w.must(batch...)
	for i, r := range receipts {
		if want := int64(7 + i); r.Index != want {
			t.Fatalf("event %d of the batch is entry %d, want %d", i, r.Index, want)
		}
		if !bytes.Equal(r.Checkpoint, receipts[0].Checkpoint) {
			t.Fatal("receipts of one batch have different checkpoints")
		}
		if i > 0 && r.Logged < receipts[i-1].Logged {
			t.Fatal("logged decreases")
		}
	}
}

// Each code that an event can be refused with, and that the log is as before after it.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	k := accessKeys(t)
	w.must(w.say("op/1", 'o', accessStatement(k)))
	w.must(w.say("gateway/1", 'g', claim(data, 1)))
	proven := w.prove("gateway/1", 'g', k, data, 3, 8, 21)
	w.must(proven)

	inline := func(e *event.Event) *event.Event {
		e.Proof, e.Statement = event.ProofInline, k.VerifyingKey.Digest()
		return e
	}
	tests := map[string]struct {
		code  ledger.Code
		check string
		make  func() *event.Submission
	}{
		"no JSON": {ledger.Malformed, "", func() *event.Submission { return &event.Submission{Envelope: event.Sign([]byte("{"), keyOf('g'))} }},
		"payload not canonical": {ledger.Malformed, "", func() *event.Submission {
			payload := w.say("gateway/1", 'g', claim(data, 1)).Envelope.Payload
			return &event.Submission{Envelope: event.Sign(append(slices.Clone(payload), '\n'), keyOf('g'))}
		}},
		"too large": {ledger.TooLarge, "", func() *event.Submission {
			return &event.Submission{Envelope: event.Sign(make([]byte, 60000), keyOf('g'))}
		}},
		"another log": {ledger.WrongLog, "", func() *event.Submission {
			e := w.draft("gateway/1", claim(data, 1))
			e.Log = "another.example/log"
			return w.sign(e, 'g')
		}},
		"unknown source": {ledger.UnknownSource, "", func() *event.Submission { return w.say("nobody/1", 'n', claim(data, 1)) }},
		"another's key":  {ledger.WrongKey, "", func() *event.Submission { return w.say("gateway/1", 'b', claim(data, 1)) }},
		"signature altered": {ledger.BadSignature, "", func() *event.Submission {
			sub := w.say("gateway/1", 'g', claim(data, 1))
			sub.Envelope.Signature[3] ^= 1
			return sub
		}},
		"payload altered": {ledger.BadSignature, "", func() *event.Submission {
			sub := w.say("gateway/1", 'g', claim(data, 1))
			sub.Envelope.Payload = bytes.Replace(sub.Envelope.Payload, []byte(`"records":1`), []byte(`"records":2`), 1)
			return sub
		}},
		"a service registers": {ledger.NotPermitted, "", func() *event.Submission {
			return w.say("gateway/1", 'g', register("friend/1", 'f', event.RoleService))
		}},
		"no consent": {ledger.BadSignature, "", func() *event.Submission {
			c := register("friend/1", 'f', event.RoleService)
			c.Consent[0] ^= 1
			return w.say("op/1", 'o', c)
		}},
		"gap": {ledger.SequenceGap, "", func() *event.Submission {
			e := w.draft("gateway/1", claim(data, 1))
			e.Seq++
			return w.sign(e, 'g')
		}},
		"number taken": {ledger.SequenceFork, "", func() *event.Submission {
			e := w.draft("gateway/1", claim(data, 1))
			e.Seq--
			return w.sign(e, 'g')
		}},
		"another past": {ledger.SequenceFork, "", func() *event.Submission {
			e := w.draft("gateway/1", claim(data, 1))
			e.Prev[0] ^= 1
			return w.sign(e, 'g')
		}},
		"no such data set": {ledger.UnknownReference, "dataset", func() *event.Submission {
			return w.say("gateway/1", 'g', claim(event.Digest{1}, 1))
		}},
		"a data set that is none": {ledger.ClaimsOutOfRange, "kind", func() *event.Submission {
			return w.say("gateway/1", 'g', claim(proven.Envelope.Digest(), 1))
		}},
		"more records than rows": {ledger.ClaimsOutOfRange, "records", func() *event.Submission { return w.say("gateway/1", 'g', claim(data, 41)) }},
		"unknown purpose": {ledger.ClaimsOutOfRange, "purpose", func() *event.Submission {
			c := claim(data, 1)
			c.Purpose = "resale"
			return w.say("gateway/1", 'g', c)
		}},
		"columns out of order": {ledger.ClaimsOutOfRange, "columns", func() *event.Submission {
			c := claim(data, 1)
			c.Columns = []string{"class", "age"}
			return w.say("gateway/1", 'g', c)
		}},
		"more records than slots": {ledger.ClaimsOutOfRange, "records", func() *event.Submission {
			sub := w.sign(inline(w.draft("gateway/1", claim(data, 17))), 'g')
			sub.Proof = proven.Proof
			return sub
		}},
		"nothing deferred to attest": {ledger.NotPermitted, "", func() *event.Submission {
			return w.say("gateway/1", 'g', &event.AttestationClaims{Event: proven.Envelope.Digest(), Outcome: event.OutcomeRefused, Reason: "unsatisfied"})
		}},
		"unknown statement": {ledger.UnknownStatement, "", func() *event.Submission {
			e := inline(w.draft("gateway/1", claim(data, 1)))
			e.Statement = event.Digest{1}
			sub := w.sign(e, 'g')
			sub.Proof = proven.Proof
			return sub
		}},
		"proof stripped": {ledger.ProofMissing, "", func() *event.Submission {
			sub := w.prove("gateway/1", 'g', k, data, 1)
			sub.Proof = nil
			return sub
		}},
		"proof beside a mere claim": {ledger.ProofUnexpected, "", func() *event.Submission {
			sub := w.say("gateway/1", 'g', claim(data, 1))
			sub.Proof = proven.Proof
			return sub
		}},
		"proof replayed": {ledger.ProofInvalid, "groth16", func() *event.Submission {
			sub := w.prove("gateway/1", 'g', k, data, 3, 8, 21)
			sub.Proof = proven.Proof
			return sub
		}},
		"proof of other claims": {ledger.ProofInvalid, "groth16", func() *event.Submission {
			sub := w.prove("gateway/1", 'g', k, data, 3, 8)
			other := w.sign(inline(w.draft("gateway/1", claim(data, 3))), 'g')
			other.Proof = sub.Proof
			return other
		}},
		"proof that is none": {ledger.ProofInvalid, "encoding", func() *event.Submission {
			sub := w.sign(inline(w.draft("gateway/1", claim(data, 1))), 'g')
			sub.Proof = make([]byte, 128)
			return sub
		}},
		"deferred": {ledger.Deferred, "", func() *event.Submission {
			e := inline(w.draft("gateway/1", claim(data, 1)))
			e.Proof, e.Witness = event.ProofDeferred, event.DigestOf([]byte("sealed"))
			sub := w.sign(e, 'g')
			sub.Witness = []byte("sealed")
			return sub
		}},
		"statement of an unknown name": {ledger.ClaimsOutOfRange, "name", func() *event.Submission {
			c := accessStatement(k)
			c.Name = "data-access-17"
			c.VerifyingKey = []byte{1}
			return w.say("op/1", 'o', c)
		}},
		"statement with a broken key": {ledger.ClaimsOutOfRange, "verifyingKey", func() *event.Submission {
			c := accessStatement(k)
			c.VerifyingKey = c.VerifyingKey[:len(c.VerifyingKey)-1]
			return w.say("op/1", 'o', c)
		}},
		"statement registered twice": {ledger.ClaimsOutOfRange, "", func() *event.Submission { return w.say("op/1", 'o', accessStatement(k)) }},
	}
	before, err := w.log.Entries(t.Context(), ledger.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			w.t = t
			for _, source := range []string{"op/1", "gateway/1"} {
				w.forget(source)
			}
			sub := c.make()
			r := w.refuse(c.code, sub)
			if c.check != "" && r.Check != c.check {
				t.Errorf("check is %q, want %q", r.Check, c.check)
			}
			if (c.code == ledger.SequenceGap || c.code == ledger.SequenceFork) != (r.Expected != nil) {
				t.Errorf("expected is %v", r.Expected)
			}
			if r.Expected != nil {
				if s, err := w.log.Source(t.Context(), "gateway/1"); err != nil || s.Next != *r.Expected {
					t.Errorf("expected is %v, the source's next is %v, %v", *r.Expected, s.Next, err)
				}
			}
		})
	}
	w.t = t
	after, err := w.log.Entries(t.Context(), ledger.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if before.Size != after.Size {
		t.Errorf("the log has %d entries after refusals, %d before", after.Size, before.Size)
	}
	w.forget("gateway/1")
	w.must(w.say("gateway/1", 'g', claim(data, 1)))

	t.Run("revoked statement", func(t *testing.T) {
		w.t = t
		w.forget("op/1")
		w.must(w.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: k.VerifyingKey.Digest()}))
		w.refuse(ledger.RevokedStatement, w.prove("gateway/1", 'g', k, data, 1))
		w.forget("gateway/1")
	})
	t.Run("revoked key", func(t *testing.T) {
		w.t = t
		w.must(w.say("op/1", 'o', revoke("gateway/1", 'g')))
		w.refuse(ledger.RevokedKey, w.say("gateway/1", 'g', claim(data, 1)))
		// What is in the log already gets the same answer as before.
		o := w.log.Submit(t.Context(), []*event.Submission{proven})[0]
		if o.Refusal != nil || !o.Duplicate {
			t.Fatalf("resend under a revoked key and statement: %v", o.Refusal)
		}
		w.check(proven, o.Receipt)
	})
}

func TestFirstEntryIsTheOperators(t *testing.T) {
	w := newWorld(t)
	w.refuse(ledger.UnknownSource, w.say("gateway/1", 'g', claim(event.Digest{1}, 1)))
	w.refuse(ledger.UnknownSource, w.say("op/1", 'o', register("gateway/1", 'g', event.RoleService)))
}

func TestResend(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	sub := w.say("gateway/1", 'g', claim(data, 3))
	first := w.must(sub)[0]
	w.must(w.say("gateway/1", 'g', claim(data, 4)), w.say("bank/1", 'b', claim(data, 4)))

	again := func(name string, subs ...*event.Submission) {
		t.Helper()
		for _, o := range w.log.Submit(t.Context(), subs) {
			if o.Refusal != nil {
				t.Fatalf("%s: %v", name, o.Refusal)
			}
			w.check(nil, o.Receipt)
			if o.Receipt.Digest == first.Digest && (!o.Duplicate || o.Receipt.Index != first.Index || !bytes.Equal(o.Receipt.Leaf, first.Leaf)) {
				t.Errorf("%s: duplicate %v, entry %d, want entry %d with the same leaf", name, o.Duplicate, o.Receipt.Index, first.Index)
			}
		}
	}
	again("alone", sub)
	again("twice in a batch with a new one", sub, sub, w.say("gateway/1", 'g', claim(data, 5)), w.say("bank/1", 'b', claim(data, 5)))
	w.stop()
	w.start()
	again("after a restart", sub)
	// An event that is new, twice in one batch: one entry.
	fresh := w.say("gateway/1", 'g', claim(data, 6))
	o := w.log.Submit(t.Context(), []*event.Submission{fresh, fresh})
	if o[0].Refusal != nil || o[1].Refusal != nil || o[0].Duplicate || !o[1].Duplicate || o[0].Receipt.Index != o[1].Receipt.Index {
		t.Errorf("a new event twice in one batch: %+v, %+v", o[0], o[1])
	}
}

// The same new event from many at once is one entry, and everybody gets the same answer.
func TestResendAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	for range 20 {
		sub := w.say("gateway/1", 'g', claim(data, 3))
		outcomes := make(chan ledger.Outcome)
		for range 8 {
			go func() { outcomes <- w.log.Submit(context.Background(), []*event.Submission{sub})[0] }()
		}
		fresh, indices := 0, map[int64]bool{}
		for range 8 {
			o := <-outcomes
			if o.Refusal != nil {
				t.Fatal(o.Refusal)
			}
			if !o.Duplicate {
				fresh++
			}
			indices[o.Receipt.Index] = true
		}
		if fresh != 1 || len(indices) != 1 {
			t.Fatalf("%d answers say that the event is new, at %d indices", fresh, len(indices))
		}
	}
}

func codes(outcomes []ledger.Outcome) []ledger.Code {
	out := make([]ledger.Code, len(outcomes))
	for i, o := range outcomes {
		if o.Refusal != nil {
			out[i] = o.Refusal.Code
		}
	}
	return out
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	k := accessKeys(t)
	w.must(w.say("op/1", 'o', accessStatement(k)))
	submit := func(t *testing.T, want []ledger.Code, subs ...*event.Submission) []ledger.Outcome {
		t.Helper()
		outcomes := w.log.Submit(t.Context(), subs)
		if got := codes(outcomes); !slices.Equal(got, want) {
			for i, o := range outcomes {
				if o.Refusal != nil {
					t.Logf("%d: %v", i, o.Refusal)
				}
			}
			t.Fatalf("got %q, want %q", got, want)
		}
		for _, source := range []string{"op/1", "bank/1", "gateway/1"} {
			w.forget(source)
		}
		return outcomes
	}
	t.Run("later events of a source depend on a failed one", func(t *testing.T) {
		submit(t, []ledger.Code{"", ledger.ClaimsOutOfRange, ledger.DependsOn, "", ledger.DependsOn},
			w.say("gateway/1", 'g', claim(data, 1)), w.say("gateway/1", 'g', claim(data, 1000)), w.say("gateway/1", 'g', claim(data, 1)),
			w.say("bank/1", 'b', claim(data, 1)), w.say("gateway/1", 'g', claim(data, 1)))
	})
	t.Run("later events depend on a failed proof", func(t *testing.T) {
		bad := w.prove("gateway/1", 'g', k, data, 1)
		bad.Proof = w.prove("bank/1", 'b', k, data, 2).Proof
		w.forget("bank/1")
		submit(t, []ledger.Code{"", ledger.ProofInvalid, ledger.DependsOn}, w.prove("bank/1", 'b', k, data, 4), bad, w.prove("gateway/1", 'g', k, data, 5))
	})
	t.Run("later events depend on one that the sequencer refuses", func(t *testing.T) {
		e := w.draft("gateway/1", claim(data, 1))
		e.Seq += 5
		gap := w.sign(e, 'g')
		submit(t, []ledger.Code{ledger.SequenceGap, ledger.DependsOn, ""}, gap, w.say("gateway/1", 'g', claim(data, 1)), w.say("bank/1", 'b', claim(data, 1)))
	})
	t.Run("registration and first event", func(t *testing.T) {
		submit(t, []ledger.Code{"", "", ""},
			w.say("op/1", 'o', register("late/1", 'l', event.RoleService)),
			w.say("late/1", 'l', claim(data, 1)), w.say("late/1", 'l', claim(data, 2)))
	})
	t.Run("a failed registration takes the first event with it", func(t *testing.T) {
		submit(t, []ledger.Code{ledger.ClaimsOutOfRange, ledger.UnknownSource},
			w.say("op/1", 'o', register("later/1", 'l', event.RoleService)), w.say("later/1", 'l', claim(data, 1)))
	})
	t.Run("data set and access to it", func(t *testing.T) {
		more := *smallDataset().claims
		more.Purposes = append(slices.Clone(more.Purposes), "audit")
		set := w.say("bank/1", 'b', &more)
		c := claim(set.Envelope.Digest(), 1)
		c.Purpose = "audit"
		submit(t, []ledger.Code{"", ""}, set, w.say("gateway/1", 'g', c))
	})
	t.Run("access to a data set that is refused", func(t *testing.T) {
		more := *smallDataset().claims
		more.Purposes = append(slices.Clone(more.Purposes), "resale")
		e := w.draft("bank/1", &more)
		e.Seq++
		set := w.sign(e, 'b')
		submit(t, []ledger.Code{ledger.SequenceGap, ledger.UnknownReference}, set, w.say("gateway/1", 'g', claim(set.Envelope.Digest(), 1)))
	})
	t.Run("access before its data set", func(t *testing.T) {
		more := *smallDataset().claims
		more.Purposes = append(slices.Clone(more.Purposes), "research")
		set := w.say("bank/1", 'b', &more)
		submit(t, []ledger.Code{ledger.UnknownReference, ""}, w.say("gateway/1", 'g', claim(set.Envelope.Digest(), 1)), set)
	})
	t.Run("rotation by position", func(t *testing.T) {
		before := w.say("gateway/1", 'g', claim(data, 1))
		turn := w.say("gateway/1", 'g', rotate("gateway/1", 'h'))
		after := w.say("gateway/1", 'h', claim(data, 1))
		submit(t, []ledger.Code{"", "", "", ledger.RevokedKey}, before, turn, after, w.say("gateway/1", 'g', claim(data, 1)))
	})
	t.Run("revocation by position", func(t *testing.T) {
		before := w.say("gateway/1", 'h', claim(data, 1))
		submit(t, []ledger.Code{"", "", ledger.RevokedKey}, before, w.say("op/1", 'o', revoke("gateway/1", 'h')), w.say("gateway/1", 'h', claim(data, 1)))
	})
}

// A key that is revoked while an event signed with it is under way: whichever comes first in the log decides.
func TestRevocationRaces(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	letters := "ghijklmnpq"
	for i := 1; i < len(letters); i++ {
		old, next := letters[i-1], letters[i]
		e := w.say("gateway/1", old, claim(data, 1))
		w.forget("gateway/1")
		turn := w.say("op/1", 'o', rotate("gateway/1", next))
		done := make(chan ledger.Outcome)
		go func() { done <- w.log.Submit(context.Background(), []*event.Submission{e})[0] }()
		rotated := w.must(turn)[0]
		o := <-done
		switch {
		case o.Refusal == nil && o.Receipt.Index > rotated.Index:
			t.Fatalf("an event signed by a key that ended at entry %d is entry %d", rotated.Index, o.Receipt.Index)
		case o.Refusal != nil && o.Refusal.Code != ledger.RevokedKey:
			t.Fatal(o.Refusal)
		}
		w.forget("gateway/1")
	}
}

// TestTextThatPostgreSQLCannotHold has a source send what would fail the batch that it is in, and end the term.
func TestTextThatPostgreSQLCannotHold(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	e := w.draft("gateway/1", claim(data, 3))
	e.Subject.Name = "poison"
	payload, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	payload = bytes.Replace(payload, []byte("poison"), []byte(`\u0000`), 1)
	w.refuse(ledger.Malformed, &event.Submission{Envelope: event.Sign(payload, keyOf('g'))})
	if !w.log.Leads() {
		t.Error("the ledger stopped leading")
	}
}
