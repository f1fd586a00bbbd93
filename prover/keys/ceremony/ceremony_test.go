package ceremony_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/ceremony"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// A whole ceremony: its keys prove and verify, with and without a commitment in the circuit, and its transcript names everybody.
func TestCeremony(t *testing.T) {
	for name, st := range map[string]ceremony.Statement{"without a commitment": plain, "with a commitment": committing} {
		t.Run(name, func(t *testing.T) {
			c := begin(t, st, ceremony.Options{})
			receipts := contribute(t, c, "Ada", "Blaise", "Chien-Shiung")
			if r, err := verify(t, c.Dir()); err != nil || len(r.Phase1.Contributions) != 3 || r.Transcript != nil {
				t.Errorf("open phase 1: %+v, %v", r, err)
			}
			if seal(t, c, beacon1) != nil {
				t.Error("phase 1 gives a transcript")
			}
			receipts = append(receipts, contribute(t, c, "Ada", "Dorothy", "Emmy")...)
			if r, err := verify(t, c.Dir()); err != nil || len(r.Phase2.Contributions) != 3 || r.Transcript != nil {
				t.Errorf("open phase 2: %+v, %v", r, err)
			}
			sealed := seal(t, c, beacon2)

			r, err := verify(t, c.Dir())
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range slices.Concat(r.Transcript.Phase1.Contributions, r.Transcript.Phase2.Contributions) {
				if c != receipts[i].Contribution {
					t.Errorf("the transcript has %v, the receipt %v", c, receipts[i].Contribution)
				}
				if b, err := os.ReadFile(receipts[i].File); err != nil || sha256.Sum256(b) != c.Digest {
					t.Errorf("%s has another digest (%v)", receipts[i].File, err)
				}
			}
			if digest, err := sealed.Digest(); err != nil || digest != r.Digest {
				t.Error("two transcripts", err)
			}
			if b, err := os.ReadFile(filepath.Join(c.Dir(), "transcript.json")); err != nil || sha256.Sum256(b) != r.Digest {
				t.Error("the digest isn't the file's SHA-256", err)
			}
			store, err := c.Keys()
			if err != nil {
				t.Fatal(err)
			}
			k, err := store.Load(r.Transcript.VerifyingKey)
			if err != nil {
				t.Fatal(err)
			}
			proof, public, err := k.Prove(t.Context(), &power{X: 1, Y: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := zkverify.Verify(k.VerifyingKey, proof, public); err != nil {
				t.Error(err)
			}
			if err := zkverify.Verify(k.VerifyingKey, proof, []event.Element{{31: 2}}); err == nil {
				t.Error("a proof holds for another public input")
			}
			m, err := store.Latest(st.Name)
			if err != nil || m.Setup != event.SetupCeremony || m.Transcript != r.Digest || m.Trust() != "ceremony" {
				t.Errorf("%+v, %v", m, err)
			}
			if quick, err := c.CheckDigests(t.Context()); err != nil || quick.Digest != r.Digest || *quick.Keys != *m {
				t.Error(quick, err)
			}
		})
	}
}

// The keys are a function of the files and the beacon: whoever seals a copy gets the same transcript.
func TestSealIsReproducible(t *testing.T) {
	c := begin(t, plain, ceremony.Options{})
	contribute(t, c, "Ada")
	dir := copied(t, c)
	for _, d := range []string{c.Dir(), dir} {
		c, err := ceremony.Open(d, table, nil)
		if err != nil {
			t.Fatal(err)
		}
		seal(t, c, beacon1)
	}
	same(t, c.Dir(), dir, "phase1/sealed.srs", "phase1/sealed.json", "phase2/0000.mpc")
}

func same(t *testing.T, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		one, err1 := os.ReadFile(filepath.Join(a, name))
		two, err2 := os.ReadFile(filepath.Join(b, name))
		if err := errors.Join(err1, err2); err != nil || sha256.Sum256(one) != sha256.Sum256(two) {
			t.Errorf("%s differs (%v)", name, err)
		}
	}
}

// A contributor needs the manifests and the last contribution. With the one before it, or phase 1's result, it checks the last link, too.
func TestContributeFromFewFiles(t *testing.T) {
	c := begin(t, committing, ceremony.Options{})
	contribute(t, c, "Ada", "Blaise")
	part := func(names ...string) *ceremony.Ceremony {
		t.Helper()
		dir := t.TempDir()
		for _, name := range append(names, "ceremony.json", "phase1/manifest.json") {
			b, err := os.ReadFile(filepath.Join(c.Dir(), name))
			if err == nil {
				err = errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), b, 0o644))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		c, err := ceremony.Open(dir, table, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	adopt := func(r *ceremony.Receipt, err error, unchecked string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.Unchecked, unchecked) || (r.Unchecked == "") != (unchecked == "") {
			t.Errorf("unchecked is %q, want %q", r.Unchecked, unchecked)
		}
		b, err := os.ReadFile(r.File)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Dir(), "phase"+string(rune('0'+r.Phase)), filepath.Base(r.File)), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := part("phase1/0002.mpc").Contribute(t.Context(), "Chien-Shiung")
	adopt(r, err, "0001.mpc is not here")
	r, err = part("phase1/0002.mpc", "phase1/0003.mpc").Contribute(t.Context(), "Dorothy")
	adopt(r, err, "")
	seal(t, c, beacon1)
	r, err = part("phase1/sealed.json", "phase2/0000.mpc").Contribute(t.Context(), "Ada")
	adopt(r, err, "sealed.srs is not here")
	r, err = part("phase1/sealed.json", "phase2/0000.mpc", "phase2/0001.mpc").Contribute(t.Context(), "Blaise")
	adopt(r, err, "")
	r, err = part("phase1/sealed.json", "phase2/0002.mpc").Contribute(t.Context(), "Emmy")
	adopt(r, err, "0001.mpc is not here")
	seal(t, c, beacon2)
	if r, err := verify(t, c.Dir()); err != nil || len(r.Transcript.Phase1.Contributions) != 4 || len(r.Transcript.Phase2.Contributions) != 3 {
		t.Error(r, err)
	}
}

// One sealed phase 1 serves statements of one size.
func TestSharedPhase1(t *testing.T) {
	first := begin(t, plain, ceremony.Options{})
	contribute(t, first, "Ada", "Blaise")
	if _, err := ceremony.Init(t.Context(), t.TempDir(), committing, ceremony.Options{Phase1: first.Dir()}); err == nil || !strings.Contains(err.Error(), "isn't sealed") {
		t.Errorf("an open phase 1 is shared: %v", err)
	}
	seal(t, first, beacon1)
	if _, err := ceremony.Init(t.Context(), t.TempDir(), larger, ceremony.Options{Phase1: first.Dir()}); err == nil || !strings.Contains(err.Error(), "another size") {
		t.Errorf("a phase 1 of another size is shared: %v", err)
	}
	second := begin(t, committing, ceremony.Options{Phase1: first.Dir()})
	same(t, first.Dir(), second.Dir(), "phase1/manifest.json", "phase1/0001.mpc", "phase1/0002.mpc", "phase1/sealed.json", "phase1/sealed.srs")
	contribute(t, second, "Chien-Shiung")
	seal(t, second, beacon2)
	r, err := verify(t, second.Dir())
	if err != nil || len(r.Transcript.Phase1.Contributions) != 2 || r.Transcript.Statement != committing.Name {
		t.Fatal(r, err)
	}

	// What is shared is checked while it is copied.
	spoiled := copied(t, first)
	edit(t, filepath.Join(spoiled, "phase1", "0001.mpc"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	if _, err := ceremony.Init(t.Context(), t.TempDir(), committing, ceremony.Options{Phase1: spoiled}); err == nil || !strings.Contains(err.Error(), "another SHA-256") {
		t.Errorf("a spoiled phase 1 is shared: %v", err)
	}
}

// Every step that was interrupted is done by running it again.
func TestResume(t *testing.T) {
	c := begin(t, plain, ceremony.Options{})
	again, err := ceremony.Init(t.Context(), c.Dir(), plain, ceremony.Options{})
	if err != nil || again.Manifest() != c.Manifest() {
		t.Errorf("init again: %v", err)
	}
	if _, err := ceremony.Init(t.Context(), c.Dir(), other, ceremony.Options{}); err == nil || !strings.Contains(err.Error(), "holds another one, of power-20-false") {
		t.Errorf("init of another statement: %v", err)
	}
	remove := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.RemoveAll(filepath.Join(c.Dir(), name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove("ceremony.json") // init was interrupted before its last step
	if _, err := ceremony.Init(t.Context(), c.Dir(), plain, ceremony.Options{}); err != nil {
		t.Fatal(err)
	}
	// A contributor's process was killed while it wrote.
	partial := filepath.Join(c.Dir(), "phase1", durable.Unfinished+"123")
	if err := os.WriteFile(partial, []byte("attestlog-mpc/v1"), 0o600); err != nil {
		t.Fatal(err)
	}
	contribute(t, c, "Ada")
	if _, err := os.Stat(partial); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed process left is still there: %v", err)
	}
	seal(t, c, beacon1)
	remove("phase1/sealed.json", "phase2") // sealing was interrupted before its record
	seal(t, c, beacon1)
	remove("phase2") // and before it worked out where phase 2 starts
	if _, err := c.Contribute(t.Context(), "Ada"); err == nil || !strings.Contains(err.Error(), "sealing phase 1 again makes it") {
		t.Errorf("contributed without a start: %v", err)
	}
	if _, err := c.Seal(t.Context(), beacon2); err == nil || !strings.Contains(err.Error(), "go on with phase 1's") {
		t.Errorf("went on with another beacon: %v", err)
	}
	seal(t, c, beacon1)
	contribute(t, c, "Ada")
	sealed := seal(t, c, beacon2)
	remove("transcript.json") // and before the last file
	if again := seal(t, c, beacon2); again.VerifyingKey != sealed.VerifyingKey {
		t.Error("other keys")
	}
	if _, err := verify(t, c.Dir()); err != nil {
		t.Error(err)
	}
	if _, err := c.Contribute(t.Context(), "late"); !errors.Is(err, ceremony.ErrSealed) {
		t.Errorf("got %v, want %v", err, ceremony.ErrSealed)
	}
	if _, err := c.Seal(t.Context(), beacon2); !errors.Is(err, ceremony.ErrSealed) {
		t.Errorf("got %v, want %v", err, ceremony.ErrSealed)
	}
}

func TestRefusals(t *testing.T) {
	c := begin(t, plain, ceremony.Options{})
	for name, try := range map[string]struct {
		do   func() error
		want string
	}{
		"no name":           {func() error { _, err := c.Contribute(t.Context(), " "); return err }, "name is missing"},
		"a name too long":   {func() error { _, err := c.Contribute(t.Context(), strings.Repeat("x", 65)); return err }, "can't be used"},
		"a name that moves": {func() error { _, err := c.Contribute(t.Context(), "a\x1b[2J"); return err }, "can't be shown"},
		"a name not in NFC": {func() error { _, err := c.Contribute(t.Context(), "Zu\u0308rich"); return err }, "can't be used"},
		"a short beacon": {func() error {
			_, err := c.Seal(t.Context(), ceremony.Beacon{Value: make([]byte, 15), Source: "x"})
			return err
		}, "16 to 1024 bytes"},
		"a nameless beacon": {func() error { _, err := c.Seal(t.Context(), ceremony.Beacon{Value: make([]byte, 16)}); return err }, "is missing"},
		"no contribution":   {func() error { _, err := c.Seal(t.Context(), beacon1); return err }, "nobody has contributed"},
		"digests, unsealed": {func() error { _, err := c.CheckDigests(t.Context()); return err }, "isn't sealed"},
		"no such directory": {func() error { _, err := ceremony.Open(filepath.Join(t.TempDir(), "x"), table, nil); return err }, "there is no ceremony"},
		"no such statement": {func() error {
			_, err := ceremony.Open(c.Dir(), func(string) (ceremony.Statement, error) { return table("nothing") }, nil)
			return err
		}, "no such statement"},
		"another circuit under the name": {func() error {
			_, err := ceremony.Open(c.Dir(), func(string) (ceremony.Statement, error) { return other, nil }, nil)
			return err
		}, "use the version of the program"},
		"a context that ended": {func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := c.Contribute(ctx, "Ada")
			return err
		}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := try.do(); err == nil || !strings.Contains(err.Error(), try.want) {
				t.Errorf("got %v, want %q", err, try.want)
			}
		})
	}
	contribute(t, c, "Ada")
	seal(t, c, beacon1)
	if _, err := c.Seal(t.Context(), ceremony.Beacon{Value: beacon1.Value, Source: "again"}); err == nil || !strings.Contains(err.Error(), "was known before") {
		t.Errorf("one beacon for both phases: %v", err)
	}
	if _, err := c.Seal(t.Context(), beacon2); err == nil || !strings.Contains(err.Error(), "nobody has contributed") {
		t.Errorf("phase 2 without a contribution: %v", err)
	}
}

// Two processes don't write at once.
func TestLock(t *testing.T) {
	c := begin(t, plain, ceremony.Options{})
	second, err := ceremony.Open(c.Dir(), table, nil)
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	first, err := ceremony.Open(c.Dir(), table, func(step string, estimate time.Duration) func() {
		if step == "contributing to phase 1" {
			_, inner = second.Contribute(t.Context(), "Blaise")
		}
		if estimate <= 0 {
			t.Errorf("%s has no estimate", step)
		}
		return func() {}
	})
	if err != nil {
		t.Fatal(err)
	}
	contribute(t, first, "Ada")
	if inner == nil || !strings.Contains(inner.Error(), "another process is at work") {
		t.Errorf("both wrote: %v", inner)
	}
	contribute(t, second, "Blaise")
}

func TestKeysOfOneCeremonyAreNotAnothers(t *testing.T) {
	a, b := whole(t, plain), whole(t, plain)
	resultA, err := a.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := copied(t, a)
	if err := os.RemoveAll(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(filepath.Join(b.Dir(), "keys"))); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, dir); !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("got %v, want %v", err, keys.ErrNotFound)
	}
	// Under the right name, too.
	store, err := b.Keys()
	if err != nil {
		t.Fatal(err)
	}
	list, err := store.List()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "keys", list[0].Digest().String()), filepath.Join(dir, "keys", resultA.Transcript.VerifyingKey.String())); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, dir); !errors.Is(err, keys.ErrCorrupt) {
		t.Errorf("got %v, want %v", err, keys.ErrCorrupt)
	}
}
