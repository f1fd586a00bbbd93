package verify_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
)

// update writes testdata/bundles anew: a good bundle with its log's key and a policy, and mutations of it with the errors that they give now.
// Look at the errors before you keep them.
var update = flag.Bool("update", false, "write testdata/bundles anew")

const corpusDir = "testdata/bundles"

// mutation is one row of mutations.json: of the good file, the bytes from From up to To are replaced.
type mutation struct {
	Name   string `json:"name"`
	How    string `json:"how"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Insert []byte `json:"insert"` // in base64
	Error  string `json:"error"`
}

// differing is the mutation that makes one file of another.
func differing(good, bad []byte) (m mutation) {
	for m.From < min(len(good), len(bad)) && good[m.From] == bad[m.From] {
		m.From++
	}
	same := 0
	for same < min(len(good), len(bad))-m.From && good[len(good)-1-same] == bad[len(bad)-1-same] {
		same++
	}
	m.To, m.Insert = len(good)-same, bad[m.From:len(bad)-same]
	return m
}

func (m *mutation) of(good []byte) []byte {
	return append(append(bytes.Clone(good[:m.From]), m.Insert...), good[m.To:]...)
}

// judged is what a file comes to for a reader with a policy.
func judged(file []byte, key note.Verifier, policy *verify.Policy) (*verify.BundleReport, error) {
	b, err := verify.ParseBundle(file)
	if err != nil {
		return nil, err
	}
	return b.Verify(key, policy)
}

// corpus is what lies in testdata/bundles.
type corpus struct {
	good      []byte
	key       note.Verifier
	policy    *verify.Policy
	mutations []mutation
}

func readCorpus(t testing.TB) *corpus {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(corpusDir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c := &corpus{good: read("good.attestlog")}
	var err error
	if c.key, err = note.NewVerifier(string(bytes.TrimSpace(read("log.pub")))); err != nil {
		t.Fatal(err)
	}
	if c.policy, err = verify.ParsePolicy(read("policy")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(read("mutations.json"), &c.mutations); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBundleCorpus holds a file that must verify, and many that must not, against the error that each must give.
func TestBundleCorpus(t *testing.T) {
	if *update {
		writeCorpus(t)
	}
	c := readCorpus(t)
	r, err := judged(c.good, c.key, c.policy)
	if err != nil {
		t.Fatalf("%v\n%+v", err, r.Steps)
	}
	verdicts := map[verify.Verdict]int{}
	for _, claim := range r.Claims {
		verdicts[claim.Verdict]++
	}
	if verdicts[verify.Proven] != 2 || verdicts[verify.Claimed] == 0 || len(r.Cosigned) != 2 || len(r.Doubts()) == 0 {
		t.Errorf("the good bundle: %v, cosigned by %q, doubts %q", verdicts, r.Cosigned, r.Doubts())
	}
	if len(c.mutations) < 40 {
		t.Errorf("there are only %d mutations", len(c.mutations))
	}
	names := map[string]bool{}
	for _, m := range c.mutations {
		t.Run(m.Name, func(t *testing.T) {
			if names[m.Name] {
				t.Fatal("the name stands twice")
			}
			names[m.Name] = true
			file := m.of(c.good)
			if bytes.Equal(file, c.good) {
				t.Fatal("it changes nothing")
			}
			r, err := judged(file, c.key, c.policy)
			if err == nil || r != nil && r.Holds() {
				t.Fatalf("accepted; it should say %q", m.Error)
			}
			if err.Error() != m.Error {
				t.Errorf("it says\n%s\nand should say\n%s", err, m.Error)
			}
		})
	}
}

// FuzzBundleCorpus changes the files of the corpus: whatever holds after that has the same entries.
func FuzzBundleCorpus(f *testing.F) {
	c := readCorpus(f)
	f.Add(c.good)
	for _, m := range c.mutations {
		f.Add(m.of(c.good))
	}
	want, err := verify.ParseBundle(c.good)
	if err != nil {
		f.Fatal(err)
	}
	leaves := map[int64][]byte{}
	for _, e := range want.Entries {
		leaves[e.Index] = e.Leaf
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := verify.ParseBundle(file)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Encode(), file) {
			t.Fatal("it does not encode to what was read")
		}
		if _, err := b.Verify(c.key, c.policy); err != nil || !bytes.Equal(b.Note, want.Note) {
			return // another head that the log's key signed is of another tree
		}
		for _, e := range b.Entries {
			if !bytes.Equal(leaves[e.Index], e.Leaf) {
				t.Fatalf("entry %d is not the log's, and accepted", e.Index)
			}
		}
	})
}
