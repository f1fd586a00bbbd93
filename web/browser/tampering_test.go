//go:build heavy

package browser

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/zkverify/simulate"
	"github.com/attestlog/attestlog/web/webtest"
)

// tampering is what somebody between the log and the reader makes of the evidence about an entry.
type tampering struct {
	name string
	step string // that must fail; empty where the file can't be read at all
	file []byte
	// signed tells that the log itself signed it, without its witnesses: whoever asks for cosignatures finds that out first.
	signed bool
}

// tamperings are of the evidence about a proven access, each with the first step that must fail.
func tamperings(t *testing.T, log *webtest.Log) (good []byte, all []tampering) {
	t.Helper()
	about, other := log.At(webtest.AccessProven), log.At(webtest.Served)
	b := log.Bundle(about)
	add := func(name, step string, bad *verify.Bundle) {
		all = append(all, tampering{name: name, step: step, file: bad.Encode()})
	}
	forged := func(name, step string, bad *verify.Bundle) {
		all = append(all, tampering{name: name, step: step, file: log.Forge(bad).Encode(), signed: true})
	}
	noted := func(change func(lines []string) []string) *verify.Bundle {
		changed := *b
		changed.Note = []byte(strings.Join(change(strings.SplitAfter(string(b.Note), "\n")), ""))
		return &changed
	}
	hashes := func(change func([][32]byte) [][32]byte) *verify.Bundle {
		changed := *b
		changed.Hashes = change(slices.Clone(b.Hashes))
		return &changed
	}
	// signature is the place of the signature of that name in a note.
	signature := func(lines []string, name string) int {
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "— "+name+" ") })
		if at < 0 {
			t.Fatalf("the note has no signature of %s: %q", name, lines)
		}
		return at
	}
	flip := func(name string) func(lines []string) []string {
		return func(lines []string) []string {
			at := signature(lines, name)
			line := []byte(lines[at])
			line[len(line)-20] = map[bool]byte{true: 'B', false: 'A'}[line[len(line)-20] == 'A']
			lines[at] = string(line)
			return lines
		}
	}

	add("a byte of the leaf altered", "inclusion", log.Rewrite(b, about, func(l *event.Leaf) { l.Logged++ }))
	add("another entry's leaf", "inclusion", log.Rewrite(b, about, func(l *event.Leaf) { *l = *leafOf(t, log, other) }))
	add("a hash of the path altered", "inclusion", hashes(func(h [][32]byte) [][32]byte { h[0][7] ^= 1; return h }))
	add("a hash of the path dropped", "inclusion", hashes(func(h [][32]byte) [][32]byte { return h[1:] }))
	add("a head of another size", "head", noted(func(l []string) []string { l[1] = "148\n"; return l }))
	add("another root in the head", "head", noted(func(l []string) []string { l[2] = strings.Repeat("A", 43) + "=\n"; return l }))
	add("the head's signature altered", "head", noted(flip(webtest.Origin)))
	add("another log's key", "head", otherKey(t, log, b))
	add("a cosignature altered", "witnesses", noted(flip("witness.regulator.example")))
	add("a cosignature removed", "witnesses", noted(func(l []string) []string {
		at := signature(l, "witness.university.example")
		return slices.Delete(l, at, at+1)
	}))

	// The log itself is in on these: its head is of a tree that has them.
	forged("the source's signature altered", "law", log.Rewrite(b, about, func(l *event.Leaf) { l.Envelope.Signature[9] ^= 1 }))
	forged("a claim altered", "law", log.Rewrite(b, about, func(l *event.Leaf) {
		l.Envelope.Payload = bytes.Replace(l.Envelope.Payload, []byte(`"records":60`), []byte(`"records":61`), 1)
	}))
	forged("a claim altered and signed by its source", "proof", log.Rewrite(b, about, func(l *event.Leaf) {
		log.SignAgain(l, func(e *event.Event) { e.Claims.(*event.DataAccessClaims).Records++ })
	}))
	forged("another event's proof", "proof", log.Rewrite(b, about, func(l *event.Leaf) { l.Proof = proofOf(t, log, log.At(webtest.AccessInDoubt)) }))
	forged("the proof removed", "proof", log.Rewrite(b, about, func(l *event.Leaf) { l.Proof = nil }))
	forged("the verifying key exchanged", "whole", log.Rewrite(b, log.At(webtest.OneParty), func(l *event.Leaf) {
		log.SignAgain(l, func(e *event.Event) {
			c := e.Claims.(*event.StatementClaims)
			setup, err := simulate.New([]byte("somebody else's"), 7)
			if err != nil {
				t.Fatal(err)
			}
			c.VerifyingKey = setup.VerifyingKey().Bytes()
			e.Subject = c.Subject()
		})
	}))

	file := b.Encode()
	all = append(all, tampering{name: "cut short", file: file[:len(file)/2]}, tampering{name: "nothing", file: []byte{}},
		tampering{name: "a page instead", file: []byte("<!doctype html><title>PASS</title><p>PASS: everything verified")})
	return file, all
}

func leafOf(t *testing.T, log *webtest.Log, index int64) *event.Leaf {
	t.Helper()
	r, err := log.Client.Entry(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := event.DecodeLeaf(r.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func proofOf(t *testing.T, log *webtest.Log, index int64) []byte {
	t.Helper()
	proof := leafOf(t, log, index).Proof
	if len(proof) == 0 {
		t.Fatalf("entry %d has no proof", index)
	}
	return proof
}

// otherKey has somebody sign a bundle's head who calls himself like the log.
func otherKey(t *testing.T, log *webtest.Log, b *verify.Bundle) *verify.Bundle {
	t.Helper()
	private, _, err := note.GenerateKey(rand.Reader, webtest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	head, err := verify.OpenHead(b.Note, log.Key)
	if err != nil {
		t.Fatal(err)
	}
	changed := *b
	if changed.Note, err = verify.SignHead(signer, head.Size, head.Root); err != nil {
		t.Fatal(err)
	}
	return &changed
}

// TestTamperings makes sure that the tamperings are what they are called, by the verifier outside of any browser.
func TestTamperings(t *testing.T) {
	log := webtest.Full(t)
	good, all := tamperings(t, log)
	judge := func(file []byte, policy *verify.Policy) error {
		b, err := verify.ParseBundle(file)
		if err != nil {
			return err
		}
		_, err = b.Verify(log.Key, policy)
		return err
	}
	if err := judge(good, log.Policy); err != nil {
		t.Fatal(err)
	}
	for _, bad := range all {
		policy := log.Policy
		if bad.signed {
			policy = nil
			if err := judge(bad.file, log.Policy); err == nil || !strings.HasPrefix(err.Error(), "witnesses: ") {
				t.Errorf("%s: %v, want the witnesses to be missing", bad.name, err)
			}
		}
		if err := judge(bad.file, policy); err == nil || bad.step != "" && !strings.Contains(err.Error(), bad.step+": ") {
			t.Errorf("%s: %v, want step %s to fail", bad.name, err, bad.step)
		}
	}
}
