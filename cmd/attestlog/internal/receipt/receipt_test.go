package receipt_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/receipt"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// sample is the receipt of the only entry of a log, with the log's key.
func sample(t testing.TB) (*verify.Receipt, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 64)), "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	e := &event.Event{Subject: event.Subject{Name: "scorer"}, Log: "log.example", Source: "risk/1", Seq: 1, Time: 5, Proof: event.ProofNone,
		Claims: &event.ApprovalClaims{Releases: event.Element{31: 1}}}
	payload, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := (&event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, ed25519.NewKeyFromSeed(make([]byte, 32)))}, Logged: 7}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := verify.SignHead(signer, 1, tlog.RecordHash(leaf))
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Receipt{Index: 0, Leaf: leaf, Note: signed}, key
}

func TestReceiptComesBack(t *testing.T) {
	r, key := sample(t)
	b, err := receipt.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := receipt.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, entry, err := again.Open(key); err != nil || entry.Event.Source != "risk/1" {
		t.Errorf("what came back doesn't hold: %v", err)
	}
	text := string(b)
	for name, bad := range map[string]string{
		"empty":                  "",
		"another format":         strings.Replace(text, "receipt/v1", "receipt/v2", 1),
		"another index":          strings.Replace(text, `"index": 0`, `"index": 1`, 1),
		"another digest":         strings.Replace(text, `"digest": "`, `"digest": "00`, 1),
		"another time":           strings.Replace(text, `"logged": 7`, `"logged": 8`, 1),
		"an unknown member":      strings.Replace(text, `"index"`, `"more": 1, "index"`, 1),
		"a member that is twice": strings.Replace(text, `"index": 0`, `"index": 0, "index": 0`, 1),
		"something behind":       text + "x",
		"too long":               text + strings.Repeat(" ", receipt.MaxFile),
		"half":                   text[:len(text)/2],
		"a proof of no form":     strings.Replace(text, "tlog-proof@v1", "tlog-proof@v2", 1),
		"no leaf":                text[:strings.Index(text, `"leaf": "`)] + `"leaf": "e30="` + text[strings.Index(text, `,`+"\n"+`  "proof"`):],
	} {
		if bad == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := receipt.Decode([]byte(bad)); err == nil {
			t.Errorf("%s: decodes", name)
		}
	}
	if _, err := receipt.Encode(&verify.Receipt{Leaf: []byte("{}")}); err == nil {
		t.Error("what is no leaf is written")
	}
}

func FuzzDecode(f *testing.F) {
	r, _ := sample(f)
	b, err := receipt.Encode(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := receipt.Decode(b)
		if err != nil {
			return
		}
		again, err := receipt.Encode(r)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("decodes to something else: %v", err)
		}
	})
}
