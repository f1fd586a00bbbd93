package verify_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// cosign adds cosignatures to a signed note.
func cosign(t testing.TB, signed []byte, key note.Verifier, by ...logtest.Cosigner) []byte {
	t.Helper()
	opened, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		t.Fatal(err)
	}
	signers := make([]note.Signer, len(by))
	for i, c := range by {
		signers[i] = c
	}
	if signed, err = note.Sign(opened, signers...); err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestPolicyIsRead(t *testing.T) {
	north, south, east := logtest.NewCosigner(t, "north.example/w"), logtest.NewCosigner(t, "south.example/w"), logtest.NewCosigner(t, "east.example/w")
	_, log, err := note.GenerateKey(rand.Reader, "test.example/log")
	if err != nil {
		t.Fatal(err)
	}
	three := fmt.Sprintf("witness n %s\nwitness s %s https://south.example/submit\nwitness e %s\n", north.VKey, south.VKey, east.VKey)
	for _, c := range []struct {
		name, text string
		quorum     string // or
		err        string
	}{
		{"nobody", "quorum none\n", "none", ""},
		{"one witness", three + "quorum s", "s", ""},
		{"two of three", three + "group all-of-us 2 n s e\nquorum all-of-us\n", "2 of (n, s, e)", ""},
		{"groups in groups", three + "group g any n s\ngroup h all g e\nquorum h", "2 of (1 of (n, s), e)", ""},
		{"comments, tabs and spaces", "# hello\n\n \t # there\n\tlog  " + log + " https://log.example\n" + three + "quorum\tn ", "n", ""},
		{"a witness defined after the quorum", "witness n " + north.VKey + "\nquorum n\nwitness s " + south.VKey, "n", ""},

		{"nothing", "", "", "no quorum line"},
		{"two quorums", "quorum none\nquorum none", "", "line 2: there is a quorum line already"},
		{"an unknown word", "witnes n " + north.VKey, "", `line 1: "witnes" is not log, witness, group or quorum`},
		{"a comment behind a line", "quorum none # of them", "", `line 1: "quorum" has 4 items`},
		{"a quorum of somebody unknown", three + "quorum x", "", `line 4: "x" is neither a witness nor a group`},
		{"a group before its member", "group g any n\nwitness n " + north.VKey, "", `line 1: "n" is neither`},
		{"a group in itself", three + "group g any n g\nquorum g", "", `line 4: "g" is neither`},
		{"a member twice", three + "group g 2 n n\nquorum g", "", `line 4: "n" is a member already`},
		{"a member of two groups", three + "group g any n\ngroup h any n\nquorum h", "", `line 5: "n" is a member already`},
		{"a threshold of 0", three + "group g 0 n s\nquorum g", "", "is no threshold"},
		{"a threshold above the members", three + "group g 3 n s\nquorum g", "", "is no threshold"},
		{"a threshold with a sign", three + "group g +1 n s\nquorum g", "", "is no threshold"},
		{"a threshold with a zero before", three + "group g 01 n s\nquorum g", "", "is no threshold"},
		{"a group without members", three + "group g any\nquorum g", "", `"group" has 2 items`},
		{"a name twice", three + "group n any s\nquorum n", "", `line 4: the name "n" stands there twice`},
		{"the name none", "witness none " + north.VKey + "\nquorum none", "", `the name "none" is taken`},
		{"none as a member", three + "group g any none\nquorum g", "", `"none" is neither`},
		{"a key twice", three + "witness again " + north.VKey + "\nquorum n", "", "line 4: the key of this witness stands there twice"},
		{"a log twice", "log " + log + "\nlog " + log + "\nquorum none", "", "line 2: the key of this log stands there twice"},
		{"a log's key for a witness", "witness n " + log + "\nquorum n", "", "is not a witness's key"},
		{"a witness's key for a log", "log " + north.VKey + "\nquorum none", "", "is not a log's key"},
		{"a URL with a query", "witness n " + north.VKey + " https://x.example/?a=b\nquorum n", "", "is not an http or https URL"},
		{"another scheme", "witness n " + north.VKey + " ftp://x.example/\nquorum n", "", "is not an http or https URL"},
		{"a control character", "quorum\x0bnone", "", "line 1: byte 7 is the control character 0x0b"},
		{"a carriage return", "quorum none\r\n", "", "line 1: byte 12 is the control character 0x0d"},
		{"too much", strings.Repeat("#", verify.MaxPolicy+1), "", "at most 65536 are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := verify.ParsePolicy([]byte(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("the error is %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Quorum() != c.quorum {
				t.Errorf("the quorum is %q, want %q", p.Quorum(), c.quorum)
			}
		})
	}
}

func TestTooManyWitnesses(t *testing.T) {
	var text strings.Builder
	for i := range 65 {
		fmt.Fprintf(&text, "witness w%d %s\n", i, logtest.NewCosigner(t, fmt.Sprintf("w%d.example", i)).VKey)
	}
	text.WriteString("quorum w0")
	if _, err := verify.ParsePolicy([]byte(text.String())); err == nil || !strings.Contains(err.Error(), "more than 64 witnesses") {
		t.Errorf("65 witnesses give %v", err)
	}
}

func TestPolicyOpensHeads(t *testing.T) {
	log, stranger := logtest.New(t, "test.example/log"), logtest.New(t, "other.example/log").VKey
	n, s, e, foreign := logtest.NewCosigner(t, "n.example"), logtest.NewCosigner(t, "s.example"), logtest.NewCosigner(t, "e.example"), logtest.NewCosigner(t, "f.example")
	policy := func(lines string) *verify.Policy {
		t.Helper()
		p, err := verify.ParsePolicy(fmt.Appendf(nil, "witness n %s\nwitness s %s\nwitness e %s\n%s", n.VKey, s.VKey, e.VKey, lines))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	signed, err := verify.SignHead(log.Signer, 7, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := verify.SignHead(log.Signer, 8, [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	stolen := cosign(t, other, log.Key, n)
	stolenLine := strings.SplitAfter(string(stolen), "\n")[5]
	two := policy("group g 2 n s e\nquorum g\n")
	for _, c := range []struct {
		name   string
		policy *verify.Policy
		note   []byte
		by     []int
		quorum bool   // missing
		err    string // another one
	}{
		{"none needed, none there", policy("quorum none"), signed, nil, false, ""},
		{"none needed, two there", policy("quorum none"), cosign(t, signed, log.Key, e, n), []int{0, 2}, false, ""},
		{"two of three", two, cosign(t, signed, log.Key, s, n), []int{0, 1}, false, ""},
		{"all three", two, cosign(t, signed, log.Key, s, n, e), []int{0, 1, 2}, false, ""},
		{"one of two needed", two, cosign(t, signed, log.Key, s), []int{1}, true, ""},
		{"the same one twice", two, cosign(t, signed, log.Key, s, s), []int{1}, true, ""},
		{"a stranger doesn't count", two, cosign(t, signed, log.Key, s, foreign), []int{1}, true, ""},
		{"nobody", two, signed, nil, true, ""},
		{"a group in a group", policy("group g any n s\ngroup h all g e\nquorum h"), cosign(t, signed, log.Key, s, e), []int{1, 2}, false, ""},
		{"a group in a group, half of it", policy("group g any n s\ngroup h all g e\nquorum h"), cosign(t, signed, log.Key, s, n), []int{0, 1}, true, ""},
		{"a cosignature of another head", two, append(slices.Clone(signed), stolenLine...), nil, false, "couldn't open the head's cosignatures"},
		{"another log", policy("log " + stranger + "\nquorum none"), signed, nil, false, "the policy is not about the log"},
		{"this log", policy("log " + log.VKey + "\nquorum none"), signed, nil, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, cosignatures, err := c.policy.Open(c.note, log.Key)
			var few *verify.QuorumError
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("the error is %v, want one with %q", err, c.err)
				}
				return
			case errors.As(err, &few) != c.quorum || err != nil && !c.quorum:
				t.Fatalf("the error is %v; a missing quorum: %t", err, c.quorum)
			}
			var by []int
			for _, s := range cosignatures {
				by = append(by, s.Witness)
				if s.Time.IsZero() || !strings.Contains(string(c.note), string(s.Line)) {
					t.Errorf("the cosignature %+v is not the note's", s)
				}
			}
			if !slices.Equal(by, c.by) || head.Size != 7 {
				t.Errorf("size %d is cosigned by %v, want %v", head.Size, by, c.by)
			}
		})
	}
}

func TestAddCheckpointIsStrict(t *testing.T) {
	good := verify.AddCheckpoint{Old: 12, Hashes: [][32]byte{{1}, {2}}, Note: []byte("log\n15\nroot\n\n— log sig\n")}
	body := string(good.Encode())
	parsed, err := verify.ParseAddCheckpoint([]byte(body))
	if err != nil || string(parsed.Encode()) != body || parsed.Old != 12 || len(parsed.Hashes) != 2 {
		t.Fatalf("what was encoded reads back as %+v, %v", parsed, err)
	}
	for name, bad := range map[string]string{
		"no old line":       "new 12\n\nnote",
		"a sign":            "old +12\n\nnote",
		"a leading zero":    "old 012\n\nnote",
		"a negative size":   "old -1\n\nnote",
		"an overflow":       "old 9223372036854775808\n\nnote",
		"no empty line":     "old 12\n",
		"a short hash":      "old 12\nAAAA\n\nnote",
		"a bad hash":        "old 12\n!\n\nnote",
		"sloppy base64":     "old 12\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\nnote",
		"too many hashes":   "old 12\n" + strings.Repeat("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64) + "\nnote",
		"a carriage return": "old 12\r\n\nnote",
		"too much":          "old 12\n\n" + strings.Repeat("x", verify.MaxAddCheckpoint),
	} {
		if r, err := verify.ParseAddCheckpoint([]byte(bad)); err == nil {
			t.Errorf("%s: read as %+v", name, r)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	w := logtest.NewCosigner(f, "w.example")
	f.Add([]byte("witness w " + w.VKey + " https://w.example/\ngroup g any w\nquorum g\n"))
	f.Add([]byte("# nothing\nquorum none"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := verify.ParsePolicy(b)
		if err != nil {
			return
		}
		if !p.Satisfied(func(int) bool { return true }) {
			t.Errorf("all witnesses together are no quorum %s", p.Quorum())
		}
		if p.Quorum() != "none" && p.Satisfied(func(int) bool { return false }) {
			t.Errorf("nobody is the quorum %s", p.Quorum())
		}
	})
}

func FuzzAddCheckpoint(f *testing.F) {
	f.Add((&verify.AddCheckpoint{Old: 12, Hashes: [][32]byte{{1}, {2}}, Note: []byte("log\n15\nroot\n\n— log sig\n")}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := verify.ParseAddCheckpoint(b); err == nil && string(r.Encode()) != string(b) {
			t.Errorf("%q reads as %q", b, r.Encode())
		}
	})
}
