package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"filippo.io/torchwood"
	flog "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// policyWorld is a log whose heads four witnesses cosign, of which a policy knows three. One of the three signs by torchwood's code.
type policyWorld struct {
	*logtest.Log
	n, s, e, foreign logtest.Cosigner
	witnesses        string // lines
}

func newPolicyWorld(t *testing.T) *policyWorld {
	w := &policyWorld{Log: logtest.New(t, "test.example/log"), n: logtest.NewCosigner(t, "n.example/w"), s: logtest.NewCosigner(t, "s.example/w"),
		foreign: logtest.NewCosigner(t, "f.example/w")}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := torchwood.NewCosignatureSigner("e.example/w", private)
	if err != nil {
		t.Fatal(err)
	}
	w.e = logtest.Cosigner{Signer: theirs, Key: theirs.Verifier(), VKey: theirs.Verifier().String()}
	w.witnesses = fmt.Sprintf("witness n %s https://n.example/submit\nwitness s %s https://s.example/\nwitness e %s https://e.example/a/b\n", w.n.VKey, w.s.VKey, w.e.VKey)
	return w
}

// verdict is whether a library accepts a note under a policy, or that it refuses the policy.
type verdict string

const (
	accepts verdict = "accepts"
	rejects verdict = "rejects"
	unread  verdict = "doesn't read the policy"
)

func ours(policy string, key note.Verifier, signed []byte) verdict {
	p, err := verify.ParsePolicy([]byte(policy))
	if err != nil {
		return unread
	}
	if _, _, err = p.Open(signed, key); err != nil {
		return rejects
	}
	return accepts
}

func torchwoods(policy string, signed []byte) verdict {
	p, err := torchwood.ParsePolicy([]byte(policy))
	if err != nil {
		return unread
	}
	if _, _, err := torchwood.VerifyCheckpoint(signed, p); err != nil {
		return rejects
	}
	return accepts
}

// formats is transparency-dev's reading, which is Tessera's as well.
func formats(policy string, key note.Verifier, witnesses []note.Verifier, signed []byte) verdict {
	p, err := witness.ParsePolicy([]byte(policy))
	if err != nil {
		return unread
	}
	if _, _, _, err := flog.ParseCheckpoint(signed, key.Name(), key, witnesses...); err != nil || !p.Satisfied(signed) {
		return rejects
	}
	return accepts
}

// TestPoliciesAsOthersReadThem holds each of a table of notes against each of a table of policies, by our code, torchwood's and
// transparency-dev's: three readings, one verdict.
func TestPoliciesAsOthersReadThem(t *testing.T) {
	w := newPolicyWorld(t)
	h := w.History(20, 20, "")
	other := logtest.New(t, "test.example/log") // another key under the same origin
	bent := cosign(t, h.Head(7), w.Key, w.n, w.s)
	bent = bytes.Replace(bent, []byte("— s.example/w "), []byte("— s.example/w A"), 1)
	notes := map[string][]byte{
		"of the log alone":                    h.Head(7),
		"by n":                                cosign(t, h.Head(7), w.Key, w.n),
		"by s":                                cosign(t, h.Head(7), w.Key, w.s),
		"by e":                                cosign(t, h.Head(7), w.Key, w.e),
		"by n and s":                          cosign(t, h.Head(7), w.Key, w.n, w.s),
		"by s and e":                          cosign(t, h.Head(7), w.Key, w.s, w.e),
		"by n, twice":                         cosign(t, h.Head(7), w.Key, w.n, w.n),
		"by all three":                        cosign(t, h.Head(20), w.Key, w.e, w.s, w.n),
		"by all three, and a stranger":        cosign(t, h.Head(20), w.Key, w.foreign, w.e, w.s, w.n),
		"by a stranger":                       cosign(t, h.Head(7), w.Key, w.foreign),
		"of the empty tree, by n and e":       cosign(t, h.Head(0), w.Key, w.n, w.e),
		"by another key of the same name":     other.History(7, 7, "").Head(7),
		"likewise, by all":                    cosign(t, other.History(7, 7, "").Head(7), other.Key, w.n, w.s, w.e),
		"by n, and by s of another head":      append(cosign(t, h.Head(7), w.Key, w.n), lastLine(cosign(t, h.Head(8), w.Key, w.s))...),
		"by n, and by s with a bent base64":   bent,
		"by witnesses without the log":        alone(t, h.Head(7), w.n, w.s, w.e),
		"nothing":                             nil,
		"text":                                []byte("hello"),
		"of a changed size, by all":           bytes.Replace(cosign(t, h.Head(20), w.Key, w.n, w.s, w.e), []byte("\n20\n"), []byte("\n21\n"), 1),
		"of a size with a zero before, by no": []byte(strings.Replace(string(h.Head(7)), "\n7\n", "\n07\n", 1)),
	}
	log := "log " + w.VKey + "\n"
	policies := map[string]string{
		"none":                     log + "quorum none\n",
		"one":                      log + w.witnesses + "quorum s\n",
		"any":                      log + w.witnesses + "group g any n s e\nquorum g\n",
		"two of three":             log + w.witnesses + "group g 2 n s e\nquorum g\n",
		"all":                      log + w.witnesses + "group g all n s e\nquorum g\n",
		"groups in groups":         log + w.witnesses + "group g any n s\ngroup h 2 g e\nquorum h\n",
		"groups of groups of one":  log + w.witnesses + "group g all n\ngroup h 1 g\ngroup i any h s\nquorum i\n",
		"tabs, spaces, comments":   "# who\n\n" + strings.ReplaceAll(log+w.witnesses, " ", " \t ") + "\t# how\n  group\tg any e\nquorum g  \n",
		"witnesses before the log": w.witnesses + "quorum e\n" + log,
		"no newline at the end":    log + w.witnesses + "quorum e",
	}
	verifiers := []note.Verifier{w.n.Key, w.s.Key, w.e.Key}
	count := map[verdict]int{}
	for what, policy := range policies {
		for which, signed := range notes {
			known := verifiers
			if what == "none" {
				known = nil
			}
			we, tw, td := ours(policy, w.Key, signed), torchwoods(policy, signed), formats(policy, w.Key, known, signed)
			if we == unread || we != tw || we != td {
				t.Errorf("a note %s under %q: we say %s, torchwood %s, transparency-dev %s", which, what, we, tw, td)
			}
			count[we]++
		}
	}
	if count[accepts] < 40 || count[rejects] < 100 {
		t.Errorf("the table tells little apart: %v", count)
	}
}

// lastLine is the last signature line of a note.
func lastLine(signed []byte) []byte {
	at := bytes.LastIndexByte(signed[:len(signed)-1], '\n')
	return signed[at+1:]
}

// alone signs the text of a note anew, without the log.
func alone(t *testing.T, signed []byte, by ...note.Signer) []byte {
	t.Helper()
	text, _, _ := strings.Cut(string(signed), "\n\n")
	b, err := note.Sign(&note.Note{Text: text + "\n"}, by...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPoliciesThatNobodyReads has policies that all refuse, and those that the specification refuses and others let pass: where they differ,
// ours is the strict reading, never the lax one.
func TestPoliciesThatNobodyReads(t *testing.T) {
	w := newPolicyWorld(t)
	log := "log " + w.VKey + "\n"
	for _, tc := range []struct {
		name, policy string
		lax          bool // torchwood reads it
	}{
		{"nothing", "", false},
		{"no quorum", log + w.witnesses, false},
		{"a quorum of nobody", log + "quorum x\n", false},
		{"two quorums", log + "quorum none\nquorum none\n", false},
		{"an unknown word", log + "quota none\n", false},
		{"a threshold above the members", log + w.witnesses + "group g 3 n s\nquorum g\n", false},
		{"a threshold of nothing", log + w.witnesses + "group g 0 n s\nquorum g\n", false},
		{"a group of the unknown", log + w.witnesses + "group g any x\nquorum g\n", false},
		{"a group without members", log + w.witnesses + "group g any\nquorum g\n", false},
		{"a group of later ones", log + "group g any n\n" + w.witnesses + "quorum g\n", false},
		{"a name twice", log + w.witnesses + "witness n " + w.foreign.VKey + " https://f.example/\nquorum n\n", false},
		{"a log's key for a witness", log + "witness n " + w.VKey + " https://n.example/\nquorum n\n", false},
		{"a witness without its key", log + "witness n\nquorum n\n", false},
		{"a log without its key", "log\nquorum none\n", false},

		{"a comment behind a line", log + "quorum none # of them\n", true},
		{"words behind the quorum", log + w.witnesses + "quorum n s\n", true},
		{"a member twice", log + w.witnesses + "group g 2 n n\nquorum g\n", true},
		{"a witness's key under two names", log + w.witnesses + "witness m " + w.n.VKey + " https://n.example/\ngroup g 2 n m\nquorum g\n", true},
		{"a log twice", log + log + "quorum none\n", true},
		{"a carriage return", log + "quorum none\r\n", true},
		{"a quorum before its witness", log + "quorum n\n" + w.witnesses, true},
		{"the name none", log + "witness none " + w.n.VKey + " https://n.example/\nquorum none\n", true},
	} {
		if _, err := verify.ParsePolicy([]byte(tc.policy)); err == nil {
			t.Errorf("%s: we read it", tc.name)
		}
		if _, err := torchwood.ParsePolicy([]byte(tc.policy)); (err == nil) != tc.lax {
			t.Errorf("%s: torchwood says %v", tc.name, err)
		}
	}
	// A cosignature by a witness of the policy that doesn't verify makes a note invalid (C2SP signed-note), even where none is needed; torchwood
	// forgets the witnesses then.
	none := log + w.witnesses + "quorum none\n"
	h := w.History(3, 3, "")
	stolen := append(h.Head(3), lastLine(cosign(t, h.Head(2), w.Key, w.s))...)
	if we, tw := ours(none, w.Key, stolen), torchwoods(none, stolen); we != rejects || tw != accepts {
		t.Errorf("a cosignature of another head where none is needed: we say %s, torchwood %s", we, tw)
	}
	// The other way round it can only be that one log of several has signed, which is what the specification asks for; torchwood asks for all.
	several := log + "log " + logtest.New(t, "other.example/log").VKey + "\n" + w.witnesses + "quorum n\n"
	signed := cosign(t, h.Head(3), w.Key, w.n)
	if we, tw := ours(several, w.Key, signed), torchwoods(several, signed); we != accepts || tw != rejects {
		t.Errorf("of several logs, one has signed: we say %s, torchwood %s", we, tw)
	}
}

// TestProofsAsOthersReadThem has torchwood verify our tlog-proofs under a policy: inclusion, the log's signature and cosignatures at once. And has us read
// those that torchwood writes.
func TestProofsAsOthersReadThem(t *testing.T) {
	w := newPolicyWorld(t)
	h := w.History(20, 20, "")
	policy, err := torchwood.ParsePolicy([]byte("log " + w.VKey + "\n" + w.witnesses + "group g 2 n s e\nquorum g\n"))
	if err != nil {
		t.Fatal(err)
	}
	for size := int64(1); size <= 20; size++ {
		signed := cosign(t, h.Head(size), w.Key, w.e, w.n)
		for index := range size {
			p, err := tlog.ProveRecord(size, index, h)
			if err != nil {
				t.Fatal(err)
			}
			r := verify.Receipt{Index: index, Leaf: []byte{byte(index)}, Note: signed}
			for _, hash := range p {
				r.Hashes = append(r.Hashes, hash)
			}
			text := r.TlogProof()
			if theirs := torchwood.FormatProof(index, p, signed); !bytes.Equal(theirs, text) {
				t.Fatalf("torchwood writes\n%s\nand we\n%s", theirs, text)
			}
			if err := torchwood.VerifyProof(policy, tlog.RecordHash(r.Leaf), text); err != nil {
				t.Errorf("entry %d of %d: torchwood says %v", index, size, err)
			}
			again, err := verify.ParseReceipt(r.Leaf, text)
			if err != nil {
				t.Fatal(err)
			}
			head, err := verify.OpenHead(again.Note, w.Key)
			if err != nil {
				t.Fatal(err)
			}
			if err := head.CheckInclusion(again.Index, again.Leaf, again.Hashes); err != nil {
				t.Errorf("entry %d of %d: we say %v", index, size, err)
			}
			// Neither believes it of another leaf, or under too few cosignatures.
			var record *torchwood.VerifyRecordError
			if err := torchwood.VerifyProof(policy, tlog.RecordHash([]byte("x")), text); !errors.As(err, &record) || head.CheckInclusion(index, []byte("x"), r.Hashes) == nil {
				t.Errorf("entry %d of %d passes for another", index, size)
			}
			r.Note = h.Head(size)
			var unverified *note.UnverifiedNoteError
			if err := torchwood.VerifyProof(policy, tlog.RecordHash(r.Leaf), r.TlogProof()); !errors.As(err, &unverified) {
				t.Errorf("without cosignatures torchwood says %v", err)
			}
		}
	}
}

// TestHeadsAsOthersReadThem has two libraries parse our heads, and our code those that torchwood writes.
func TestHeadsAsOthersReadThem(t *testing.T) {
	w := newPolicyWorld(t)
	for size, root := range map[int64][32]byte{0: sha256.Sum256(nil), 1: {1}, 255: {2}, 1 << 40: {0xff}} {
		signed, err := verify.SignHead(w.Signer, size, root)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := note.Open(signed, note.VerifierList(w.Key))
		if err != nil {
			t.Fatal(err)
		}
		c, err := torchwood.ParseCheckpoint(opened.Text)
		if err != nil || c.Origin != "test.example/log" || c.N != size || c.Hash != root || c.Extension != "" || c.String() != opened.Text {
			t.Errorf("torchwood reads %+v, %v", c, err)
		}
		f, rest, _, err := flog.ParseCheckpoint(signed, "test.example/log", w.Key)
		if err != nil || f.Size != uint64(size) || !bytes.Equal(f.Hash, root[:]) || len(rest) > 0 {
			t.Errorf("transparency-dev reads %+v, %v", f, err)
		}
		theirs, err := note.Sign(&note.Note{Text: torchwood.Checkpoint{Origin: "test.example/log", Tree: tlog.Tree{N: size, Hash: root}}.String()}, w.Signer)
		if err != nil || !bytes.Equal(theirs, signed) {
			t.Errorf("torchwood writes %q, %v", theirs, err)
		}
	}
	// With lines behind the root it is a checkpoint of others, and none of an attestlog log.
	for _, tc := range []struct {
		extension string
		read      bool
	}{{"more\n", true}, {"more\nand more\n", true}, {"\n", false}, {"more\n\nand more\n", false}, {"more\n\n", false}} {
		text := torchwood.Checkpoint{Origin: "test.example/log", Tree: tlog.Tree{N: 7, Hash: tlog.Hash{1}}, Extension: tc.extension}.String()
		extended, err := note.Sign(&note.Note{Text: text}, w.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.OpenHead(extended, w.Key); err == nil {
			t.Errorf("a head with the extension lines %q is taken", tc.extension)
		}
		_, err = torchwood.ParseCheckpoint(text)
		head, err2 := verify.OpenCheckpoint(extended, w.Key)
		if (err == nil) != tc.read || (err2 == nil) != tc.read || tc.read && (head.Size != 7 || head.Root != [32]byte{1}) {
			t.Errorf("of the extension lines %q torchwood says %v, and we say %v, %v", tc.extension, err, head, err2)
		}
	}
}
