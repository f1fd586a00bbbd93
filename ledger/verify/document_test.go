package verify_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Whoever knows the head of its own verifies a bundle without the log's key, but not one with another head.
func TestVerifyAt(t *testing.T) {
	m := newMade(t)
	at := m.serve(m.weights[3])
	b := m.bundle(at)
	head, err := verify.OpenHead(m.note(), m.key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.VerifyAt(head)
	if err != nil || !r.Holds() || r.Head.Size != head.Size {
		t.Fatalf("it holds: %v, %v", r.Holds(), err)
	}
	other := head
	other.Note = append([]byte(nil), "another head"...)
	if _, err := b.VerifyAt(other); err == nil || !strings.Contains(err.Error(), "the bundle has another head") {
		t.Errorf("under another head: %v", err)
	}
	other = head
	other.Root[0] ^= 1
	if _, err := b.VerifyAt(other); err == nil || !strings.Contains(err.Error(), "inclusion") {
		t.Errorf("under another root: %v", err)
	}
}

// A walk as a document says what the walk says.
func TestWalk(t *testing.T) {
	m := newMade(t)
	at := m.serve(m.weights[2]) // others than the last step ended with
	m.say("op/1", 'o', &event.SourceClaims{Action: event.SourceRevoke, Key: public(keyOf('g')), Source: "lab/1", From: at})
	head, err := verify.OpenHead(m.note(), m.key)
	if err != nil {
		t.Fatal(err)
	}
	p := m.trace(at, true)
	b, err := json.Marshal(p.Walk(head))
	if err != nil {
		t.Fatal(err)
	}
	var w verify.Walk
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	if w.Subject != "German Credit" || w.Of != at || w.State != verify.LinkBroken || len(w.Doubts) == 0 || len(w.Nodes) != len(p.Nodes) || len(w.Links) != len(p.Links) || len(w.Raw) != 1 || w.Size != head.Size || len(w.Trusted) == 0 {
		t.Errorf("it is %s", b)
	}
	broken := 0
	for i, l := range w.Links {
		want := p.Links[i]
		if l.Name != want.Name || l.State != want.State || l.Revoked != (len(want.Doubts) > 0) || (l.To == nil) != (want.To < 0) || l.To != nil && *l.To != want.To {
			t.Errorf("link %d is %+v, want %+v", i, l, want)
		}
		for _, s := range l.Sides {
			if !s.Equal {
				broken++
			}
		}
	}
	if broken != 1 {
		t.Errorf("%d links are broken", broken)
	}
	for _, n := range w.Nodes {
		if n.Sentence == "" || n.Digest.IsZero() || n.Kind == "" {
			t.Errorf("of entry %d it says %+v", n.Index, n)
		}
	}
	for _, member := range []string{"doubts", "nodes", "links", "raw", "statements", "untrusted", "trusted"} {
		if strings.Contains(string(b), `"`+member+`":null`) {
			t.Errorf("%s is null where it is to be a list", member)
		}
	}
}
