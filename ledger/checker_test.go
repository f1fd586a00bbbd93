package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/attestlog/attestlog/prover/zkverify"
)

var errBad = errors.New("bad")

// bench is a checker whose proofs are words, of which those that begin with "bad" are. It keeps what was checked together.
type bench struct {
	*proofChecker
	mu    sync.Mutex
	folds []string
	hold  chan struct{} // each check takes one from it; nil: none waits
}

func newBench(t *testing.T) *bench {
	t.Helper()
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{proofChecker: newProofChecker(m)}
	b.most = 64
	steps := time.Unix(0, 0)
	b.now = func() time.Time { steps = steps.Add(time.Second); return steps } // in a bubble, time stands still while one yields
	b.verify = func(items []zkverify.Item) []error {
		words := make([]string, len(items))
		verdicts := make([]error, len(items))
		for i, item := range items {
			words[i] = string(item.Proof)
			if bytes.HasPrefix(item.Proof, []byte("bad")) {
				verdicts[i] = errBad
			}
		}
		b.mu.Lock()
		b.folds = append(b.folds, strings.Join(words, " "))
		hold := b.hold
		b.mu.Unlock()
		if hold != nil {
			<-hold
		}
		return verdicts
	}
	return b
}

// sent makes proofs of one source.
func sent(source string, words ...string) (list []sentProof) {
	for _, w := range words {
		list = append(list, sentProof{source, zkverify.Item{Proof: []byte(w)}})
	}
	return list
}

// many is n times a word.
func many(n int, word string) []string { return slices.Repeat([]string{word}, n) }

// must checks proofs and expects verdicts.
func (b *bench) must(t *testing.T, proofs []sentProof, want ...error) {
	t.Helper()
	verdicts, err := b.check(t.Context(), proofs)
	if err != nil || !slices.Equal(verdicts, want) {
		t.Errorf("verdicts %v, %v; want %v", verdicts, err, want)
	}
}

// expect compares what was checked together since the last time, and forgets it.
func (b *bench) expect(t *testing.T, want ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.folds, want) {
		t.Errorf("checked together: %q, want %q", b.folds, want)
	}
	b.folds = nil
}

func TestProofsAreFoldedAcrossRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.must(t, nil)
		b.must(t, sent("a/1", "alone"), nil)
		b.expect(t, "alone")

		// What comes while one is being checked waits, and is checked together; at most 64.
		b.hold = make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { b.must(t, sent("a/1", "first"), nil) })
		synctest.Wait()
		for i := range 70 {
			wg.Go(func() { b.must(t, sent(fmt.Sprintf("s/%d", i), "next"), nil) })
		}
		synctest.Wait()
		b.expect(t, "first")
		close(b.hold)
		wg.Wait()
		b.close()
		b.expect(t, strings.Join(many(64, "next"), " "), strings.Join(many(6, "next"), " "))
	})
}

// Those who are under way at the same time are waited for, as long as they come.
func TestGather(t *testing.T) {
	b := newBench(t)
	arrive := 0
	b.now = func() time.Time { // called once before each turn
		if arrive++; arrive <= 10 {
			b.proofChecker.mu.Lock()
			defer b.proofChecker.mu.Unlock()
			b.waiting = append(b.waiting, &errand{proofs: sent("a/1", "late"), verdicts: make([]error, 1), open: 1, done: make(chan struct{})})
		}
		return time.Unix(0, int64(arrive)*int64(15*time.Microsecond))
	}
	b.must(t, sent("b/1", "first"), nil)
	b.close()
	b.expect(t, "first"+strings.Repeat(" late", 10))

	// But not for ever.
	b.now = func() time.Time {
		arrive++
		b.proofChecker.mu.Lock()
		defer b.proofChecker.mu.Unlock()
		if len(b.waiting) < 50 {
			b.waiting = append(b.waiting, &errand{proofs: sent("a/1", "late"), verdicts: make([]error, 1), open: 1, done: make(chan struct{})})
		}
		return time.Unix(0, int64(arrive)*int64(gatherLimit/10))
	}
	b.gather()
	if n := len(b.waiting); n < 5 || n > 20 {
		t.Errorf("%d came until it went on", n)
	}
}

// A request of a thousand must not keep a single one waiting until all of it is done.
func TestRequestsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.hold = make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { b.must(t, sent("a/1", many(200, "a")...), make([]error, 200)...) })
		synctest.Wait()
		wg.Go(func() { b.must(t, sent("b/1", many(100, "b")...), make([]error, 100)...) })
		wg.Go(func() { b.must(t, sent("c/1", "c"), nil) })
		synctest.Wait()
		close(b.hold)
		wg.Wait()
		count := func(fold string) (a, b, c int) {
			return strings.Count(fold, "a"), strings.Count(fold, "b"), strings.Count(fold, "c")
		}
		if len(b.folds) != 5 { // 301 proofs
			t.Fatalf("%d folds: %q", len(b.folds), b.folds)
		}
		if n, _, _ := count(b.folds[0]); n != 64 {
			t.Errorf("the first fold has %d proofs, want 64", n)
		}
		if n, m, l := count(b.folds[1]); n+m+l != 64 || n < 21 || m < 21 || l != 1 {
			t.Errorf("the second fold has %d, %d and %d proofs of three requests", n, m, l)
		}
	})
}

func TestWhoLeavesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.hold = make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { b.must(t, sent("a/1", "a"), nil) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := b.check(ctx, sent("b/1", "b", "b")); !errors.Is(err, context.Canceled) {
				t.Errorf("whose context ended got %v", err)
			}
		})
		wg.Go(func() { b.must(t, sent("c/1", "c"), nil) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(b.hold)
		wg.Wait()
		b.close()
		b.expect(t, "a", "c")
		b.must(t, sent("b/1", "again"), nil)
		b.expect(t, "again")
	})
}

// A bad proof costs its sender, from then on, being checked apart, until enough good ones came.
func TestPenance(t *testing.T) {
	b := newBench(t)
	both := func(word string, verdict error) {
		t.Helper()
		b.must(t, append(sent("a/1", word), sent("b/1", "b")...), verdict, nil)
	}
	both("bad", errBad)
	b.expect(t, "bad b")
	for penance := penanceFirst; penance <= 4*penanceFirst; penance *= 2 {
		for range penance {
			both("a", nil)
			b.expect(t, "b", "a")
		}
		both("a", nil)
		b.expect(t, "a b")
		both("bad", errBad)
		b.expect(t, "bad b")
	}
	// Bad ones while it lasts make it longer.
	both("bad", errBad)
	b.expect(t, "b", "bad")
	if s := b.known["a/1"]; s.left != 16*penanceFirst {
		t.Errorf("%d proofs are left to be checked apart, want %d", s.left, 16*penanceFirst)
	}
	for range 20 {
		both("bad", errBad)
	}
	if s := b.known["a/1"]; s.left != penanceMost {
		t.Errorf("%d proofs are left to be checked apart, want %d", s.left, penanceMost)
	}
	// The other one never had to do with it.
	if b.known["b/1"] != nil {
		t.Error("who sent good proofs is remembered")
	}
}

// Of what comes along with a bad proof of the same source nothing is looked at, where that can be helped.
func TestNothingAfterABadOneIsChecked(t *testing.T) {
	b := newBench(t)
	b.must(t, sent("a/1", "bad"), errBad)
	b.expect(t, "bad")
	b.must(t, append(sent("a/1", "good", "bad", "bad", "good"), sent("b/1", "b")...), nil, errBad, errUnchecked, errUnchecked, nil)
	b.expect(t, "b", "good", "bad")
	// Nor beyond the first fold, for those who were trusted.
	words := append(many(10, "good"), many(60, "bad")...)
	verdicts, err := b.check(t.Context(), sent("c/1", words...))
	if err != nil {
		t.Fatal(err)
	}
	for i, verdict := range verdicts {
		want := []error{nil, errBad, errUnchecked}[min(i/10, 1)+i/64]
		if verdict != want {
			t.Errorf("proof %d: %v, want %v", i, verdict, want)
		}
	}
}

// Who was found out can't fill the house.
func TestSuspectsWaitInBoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.must(t, sent("a/1", "bad"), errBad)
		b.expect(t, "bad")
		want := slices.Concat(make([]error, apartEach), []error{errApartFull}, slices.Repeat([]error{errUnchecked}, 35))
		b.must(t, sent("a/1", many(apartEach+36, "a")...), want...)
		b.expect(t, many(apartEach, "a")...)

		b.hold = make(chan struct{})
		sources := apartAll/apartEach + 1
		for i := range sources {
			b.blame(fmt.Sprint(i))
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		full := 0
		for i := range sources {
			for range apartEach {
				wg.Go(func() {
					verdicts, err := b.check(t.Context(), sent(fmt.Sprint(i), "x"))
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if verdicts[0] == errApartFull {
						full++
					}
				})
			}
		}
		synctest.Wait()
		if b.aside > apartAll {
			t.Errorf("%d proofs wait to be checked apart, at most %d may", b.aside, apartAll)
		}
		close(b.hold)
		wg.Wait()
		if full == 0 || b.aside != 0 {
			t.Errorf("%d were refused, and %d still wait", full, b.aside)
		}
	})
}

// However many bad proofs a source sends: once it is found out, nobody else's is checked together with one of them, and between two
// folds there is never more than one.
func TestFloodOfBadProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.must(t, sent("evil/1", "bad"), errBad)
		b.expect(t, "bad")
		b.hold = make(chan struct{})
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { b.must(t, sent("evil/1", "bad"), errBad) })
		}
		synctest.Wait()
		for i := range 300 {
			wg.Go(func() { b.must(t, sent(fmt.Sprintf("good/%d", i), "good"), nil) })
		}
		synctest.Wait()
		close(b.hold)
		wg.Wait()
		alone, folds := 0, 0
		for _, fold := range b.folds {
			switch good := strings.Count(fold, "good"); {
			case fold == "bad":
				alone++
			case good != 64 && good != 300%64 || strings.Contains(fold, "bad"):
				t.Errorf("checked together: %s", fold)
			default:
				folds++
			}
			if folds > 0 && folds < 5 && alone > folds+1 {
				t.Errorf("%d bad proofs were checked before fold %d of good ones", alone, folds+1)
			}
		}
		if alone != 40 || folds != 5 {
			t.Errorf("%d bad ones were checked, and %d folds of good ones", alone, folds)
		}
	})
}
