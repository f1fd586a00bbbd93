package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// bundle gathers what there is about entries, against the log as it is.
func (l *paperLog) bundle(asked ...int64) *verify.Bundle {
	l.t.Helper()
	head, err := verify.OpenHead(l.note(), l.key)
	if err != nil {
		l.t.Fatal(err)
	}
	b, err := verify.GatherBundle(l.t.Context(), l, head, asked...)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// reread is the bundle after a way through a file.
func reread(t *testing.T, b *verify.Bundle) *verify.Bundle {
	t.Helper()
	file := b.Encode()
	again, err := verify.ParseBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Encode(), file) {
		t.Fatal("what was read is not written back as it was")
	}
	return again
}

func everyIndex(n int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	return all
}

// A bundle comes to the same as the evidence about each of its entries by itself.
func TestBundleAgreesWithEvidence(t *testing.T) {
	s := deferredStory(t)
	s.say("p/1", 'p', s.proven())
	s.say("op/1", 'o', s.h.revoke("bank/1", 'b', 4))
	b := reread(t, s.bundle(everyIndex(len(s.leaves))...))
	got, err := b.Verify(s.key, nil)
	if err != nil {
		t.Fatalf("%v\n%+v", err, got.Steps)
	}
	if len(got.Claims) != len(s.leaves) || !got.Holds() {
		t.Fatalf("%d claims, it holds: %v", len(got.Claims), got.Holds())
	}
	doubts := map[string]bool{}
	for i, claim := range got.Claims {
		alone, err := s.gather(int64(i)).Verify(s.key)
		if err != nil {
			t.Fatal(err)
		}
		alone.Steps = slices.DeleteFunc(alone.Steps, func(s verify.Step) bool {
			return slices.Contains([]string{"head", "inclusion", "relied entries"}, s.Name)
		})
		if d := cmp.Diff(alone, claim); d != "" {
			t.Errorf("entry %d: %s", i, d)
		}
		for _, d := range claim.Doubts {
			doubts[d] = true
		}
	}
	if len(doubts) == 0 || len(got.Doubts()) != len(doubts) {
		t.Errorf("doubts %q, want %d", got.Doubts(), len(doubts))
	}
	sorted := slices.Sorted(slices.Values(got.Trusted))
	if len(sorted) == 0 || len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		t.Errorf("what stays trusted is %q", got.Trusted)
	}
}

// Whoever makes it, and in whatever order he asks: for the same entries and head there is one bundle.
func TestBundleIsDeterministic(t *testing.T) {
	l, _, _ := story(t)
	one, other := l.bundle(5, 4), l.bundle(4, 5, 4)
	if !bytes.Equal(one.Encode(), other.Encode()) {
		t.Error("the same question gives two bundles")
	}
	if bytes.Equal(l.bundle(5).Encode(), one.Encode()) {
		t.Error("another question gives the same bundle")
	}
	if got := one.Asked(); !slices.Equal(got, []int64{4, 5}) {
		t.Errorf("it is about %v", got)
	}
}

// idle has a controller commit to data sets until the log has n entries.
func idle(t *testing.T, l *paperLog, n int) {
	t.Helper()
	if len(l.leaves) == 0 {
		h := &history{t: t}
		l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), event.Digest{}), 'o', nil)
		l.write(l.draft("op/1", h.register("bank/1", 'b', event.RoleController), event.Digest{}), 'o', nil)
	}
	for len(l.leaves) < n {
		l.write(l.draft("bank/1", smallDataset().claims, event.Digest{}), 'b', nil)
	}
}

func TestBundlesOfAllShapes(t *testing.T) {
	l := newPaperLog(t)
	for size := 3; size <= 20; size++ {
		idle(t, l, size)
		for mask := 1; mask < 1<<size; mask += 1 + mask/3 + size {
			var asked []int64
			for i := range size {
				if mask>>i&1 == 1 {
					asked = append(asked, int64(i))
				}
			}
			b := reread(t, l.bundle(asked...))
			if r, err := b.Verify(l.key, nil); err != nil || len(r.Claims) != len(asked) {
				t.Fatalf("%v of %d: %v", asked, size, err)
			}
		}
	}
	for name, asked := range map[string][]int64{"none": nil, "one that is not there": {20}, "one below": {-1}} {
		head, err := verify.OpenHead(l.note(), l.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.GatherBundle(t.Context(), l, head, asked...); err == nil {
			t.Errorf("%s: there is a bundle", name)
		}
	}
}

// A report on a chain of some 25 entries fits into a mail.
func TestBundleIsSmall(t *testing.T) {
	l := newPaperLog(t)
	idle(t, l, 600)
	asked := make([]int64, 25)
	for i := range asked {
		asked[i] = int64(20 + 23*i)
	}
	b := l.bundle(asked...)
	leaves := 0
	for _, e := range b.Entries {
		leaves += len(e.Leaf)
	}
	single := 0
	for _, i := range asked {
		r, err := l.Receipt(t.Context(), i, 600)
		if err != nil {
			t.Fatal(err)
		}
		single += len(r.Hashes)
	}
	if size := len(b.Encode()); size-leaves > 10<<10 || 2*len(b.Hashes) > single {
		t.Errorf("a bundle of %d entries has %d bytes, %d of them leaves; %d hashes, and %d in proofs of their own", len(b.Entries), size, leaves, len(b.Hashes), single)
	}
}

func TestBundleWithAClaimThatFails(t *testing.T) {
	l, data, k := story(t)
	claims, _ := l.access(k, data, 3, 8, 21)
	old, err := event.DecodeLeaf(l.leaves[5])
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.write(l.draft("gateway/1", claims, k.VerifyingKey.Digest()), 'g', func(event.Digest) []byte { return old.Proof })
	}
	r, err := l.bundle(4, 5, 6, 8).Verify(l.key, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "entry 6: proof: ") || r.Holds() {
		t.Fatalf("a replayed proof: %v", err)
	}
	var got []verify.Verdict
	for _, c := range r.Claims {
		got = append(got, c.Verdict)
	}
	if want := []verify.Verdict{verify.Claimed, verify.Proven, verify.Refuted, verify.Refuted}; !slices.Equal(got, want) {
		t.Errorf("the verdicts are %v, want %v", got, want)
	}
}

// Anybody can send a file: what is in it takes no more than the file's own size, and no work beyond the first thing that is wrong.
func TestHostileBundles(t *testing.T) {
	l := newPaperLog(t)
	idle(t, l, 8)
	good := l.bundle(3, 6)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":                        {nil, "it ends within a line"},
		"too large":                    {make([]byte, verify.MaxBundle+1), "at most 33554432 are allowed"},
		"one line without end":         {bytes.Repeat([]byte("a"), verify.MaxBundle), "it ends within a line"},
		"a number of entries too many": {[]byte("attestlog-bundle/v1\nhead 0\nentries 4097\n"), `"entries 4097" is not "entries" and a number up to 4096`},
		"a leaf longer than the file":  {[]byte("attestlog-bundle/v1\nhead 0\nentries 1\nasked 1 65535\n{}"), "entry 1 has 65535 bytes, and 2 are left"},
		"a leaf longer than allowed":   {[]byte("attestlog-bundle/v1\nhead 0\nentries 1\nasked 1 65536\n{}"), "a number of bytes up to 65535"},
		"a note longer than allowed":   {[]byte("attestlog-bundle/v1\nhead 65537\n"), `is not "head" and a number up to 65536`},
		"a million hashes":             {[]byte("attestlog-bundle/v1\nhead 0\nentries 1\nasked 1 0\n\nhashes 1000000\n"), `is not "hashes" and a number up to 253952`},
		"hashes that aren't there":     {[]byte("attestlog-bundle/v1\nhead 0\nentries 1\nasked 1 0\n\nhashes 253952\n"), "it ends within a line"},
		"an index beyond all trees":    {[]byte("attestlog-bundle/v1\nhead 0\nentries 1\nasked 9223372036854775807 0\n\nhashes 0\n"), "an index, and a number of bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verify.ParseBundle(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("as many hashes as there is room for", func(t *testing.T) {
		b := *good
		b.Hashes = slices.Repeat([][32]byte{{1}}, 200000)
		if _, err := reread(t, &b).Verify(l.key, nil); err == nil || !strings.Contains(err.Error(), "are more than it takes") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("in a tree that is as large as can be", func(t *testing.T) {
		note, err := verify.SignHead(l.signer, 1<<62, [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		b := verify.Bundle{Note: note, Hashes: slices.Repeat([][32]byte{{1}}, 62*100)}
		for i := range 100 {
			b.Entries = append(b.Entries, verify.BundleEntry{Index: int64(i)<<55 | 1, Asked: true, Leaf: []byte("{}")})
		}
		if _, err := reread(t, &b).Verify(l.key, nil); err == nil || !strings.HasPrefix(err.Error(), "inclusion: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("under more statements than there is room for", func(t *testing.T) {
		l, h, none := newPaperLog(t), &history{t: t}, event.Digest{}
		l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
		var asked []int64
		for i := range 65 {
			c := theStatement()
			c.VerifyingKey = fmt.Appendf(nil, "key %d", i)
			l.write(l.draft("op/1", c, none), 'o', nil)
			l.write(l.draft("op/1", access(), verify.StatementID(c.VerifyingKey)), 'o', nil)
			asked = append(asked, int64(len(l.leaves))-1)
		}
		if _, err := l.assemble(asked).Verify(l.key, nil); err == nil || !strings.Contains(err.Error(), "at most 64 are allowed") {
			t.Errorf("got %v", err)
		}
	})
	// A program can make what no file holds.
	for name, spoil := range map[string]func(*verify.Bundle){
		"no entries":     func(b *verify.Bundle) { b.Entries, b.Hashes = nil, b.Hashes[:1] },
		"negative index": func(b *verify.Bundle) { b.Entries[0].Index = -1 },
		"out of order":   func(b *verify.Bundle) { slices.Reverse(b.Entries) },
	} {
		t.Run(name, func(t *testing.T) {
			b := *good
			b.Entries = slices.Clone(good.Entries)
			spoil(&b)
			if r, err := b.Verify(l.key, nil); err == nil || r.Holds() {
				t.Errorf("got %v", err)
			}
		})
	}
}

// As many entries as there is room for are verified in seconds, and one more doesn't fit.
func TestLargestBundle(t *testing.T) {
	l := newPaperLog(t)
	idle(t, l, verify.MaxBundleEntries+1)
	all := everyIndex(verify.MaxBundleEntries + 1)
	b := l.bundle(all[:verify.MaxBundleEntries]...)
	start := time.Now()
	r, err := reread(t, b).Verify(l.key, nil)
	if err != nil || len(r.Claims) != verify.MaxBundleEntries {
		t.Errorf("%d claims, %v", len(r.Claims), err)
	}
	t.Logf("verified in %s", time.Since(start))
	head, err := verify.OpenHead(l.note(), l.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.GatherBundle(t.Context(), l, head, all...); !errors.Is(err, verify.ErrBundleTooLarge) {
		t.Errorf("of one entry more: %v", err)
	}
}

// assemble is a bundle about entries with all others, whether it needs them or not.
func (l *paperLog) assemble(asked []int64) *verify.Bundle {
	l.t.Helper()
	relied := slices.DeleteFunc(everyIndex(len(l.leaves)), func(i int64) bool { return slices.Contains(asked, i) })
	b, err := verify.AssembleBundle(l.t.Context(), l, l.note(), int64(len(l.leaves)), asked, relied)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte("attestlog-bundle/v1\nhead 0\nentries 1\nasked 1 2\n{}\nhashes 0\n"))
	f.Add([]byte("attestlog-bundle/v1\nhead 4\nlog\nentries 2\nrelied 0 1\n{\nasked 7 0\n\nhashes 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	l := logtest.New(f, origin)
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := verify.ParseBundle(file)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Encode(), file) {
			t.Fatal("it does not encode to what was read")
		}
		if r, err := b.Verify(l.Key, nil); err == nil || r.Holds() {
			t.Fatal("a bundle holds under a key that nobody has")
		}
	})
}
