package verify_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// A reader who asks for cosignatures gets a verdict with them, and none without.
func TestEvidenceUnderAPolicy(t *testing.T) {
	l, data, _ := story(t)
	index, err := l.Find(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	north, south := logtest.NewCosigner(t, "north.example/w"), logtest.NewCosigner(t, "south.example/w")
	policy := func(quorum string) *verify.Policy {
		t.Helper()
		p, err := verify.ParsePolicy(fmt.Appendf(nil, "witness north %s\nwitness south %s\ngroup both all north south\nquorum %s\n", north.VKey, south.VKey, quorum))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	cosigned := func(ev *verify.Evidence, by ...note.Signer) *verify.Evidence {
		t.Helper()
		opened, err := note.Open(ev.Event.Note, note.VerifierList(l.key))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := note.Sign(opened, by...)
		if err != nil {
			t.Fatal(err)
		}
		// The other receipts keep the note without cosignatures: they came before them.
		again := *ev
		again.Event.Note = signed
		return &again
	}
	plain := l.gather(index)
	var few *verify.QuorumError
	report, err := plain.VerifyUnder(l.key, policy("both"))
	if !errors.As(err, &few) || report.Verdict != verify.Refuted {
		t.Errorf("without cosignatures: %s, %v", report.Verdict, err)
	}
	if report, err = cosigned(plain, north).VerifyUnder(l.key, policy("both")); !errors.As(err, &few) || !slices.Equal(few.By, []string{"north"}) {
		t.Errorf("with one of two: %s, %v", report.Verdict, err)
	}
	report, err = cosigned(plain, north, south).VerifyUnder(l.key, policy("both"))
	if err != nil || report.Verdict != verify.Claimed || len(report.Cosigned) != 2 {
		t.Fatalf("with both: %s, %v, cosigned by %q", report.Verdict, err, report.Cosigned)
	}
	if trusted := strings.Join(report.Trusted, "\n"); !strings.Contains(trusted, "the word of north at 2") || strings.Contains(trusted, "monitors and witnesses") {
		t.Errorf("what stays trusted is %q", trusted)
	}
	if report, err = plain.VerifyUnder(l.key, policy("none")); err != nil || len(report.Cosigned) != 0 {
		t.Errorf("where none is asked for: %v, %q", err, report.Cosigned)
	}
	if report, err = cosigned(plain, north).Verify(l.key); err != nil || len(report.Cosigned) != 0 {
		t.Errorf("without a policy: %v, %q", err, report.Cosigned)
	}
}
