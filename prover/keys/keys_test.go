package keys_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	gnarklogger "github.com/consensys/gnark/logger"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/zkverify"
)

type unconstrainedPublic struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
	Z frontend.Variable `gnark:",public"`
}

func (c *unconstrainedPublic) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), c.Y)
	return nil
}

type unconstrainedSecret struct {
	X, W frontend.Variable
	Y    frontend.Variable `gnark:",public"`
}

func (c *unconstrainedSecret) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), c.Y)
	return nil
}

func TestSetupRefusesUnconstrainedInputs(t *testing.T) {
	for name, circuit := range map[string]frontend.Circuit{
		"Z": &unconstrainedPublic{},
		"W": &unconstrainedSecret{},
	} {
		ccs, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, circuit, frontend.IgnoreUnconstrainedInputs())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Setup(context.Background(), ccs, nil); !errors.Is(err, gadget.ErrUnconstrained) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %v: %s", err, gadget.ErrUnconstrained, name)
		}
	}
}

func TestConstraintSystemDigestIdentifiesTheCircuit(t *testing.T) {
	digest := func(length int) event.Digest {
		ccs, err := compileChain(length, false)()
		if err != nil {
			t.Fatal(err)
		}
		d, size, err := keys.ConstraintSystemDigest(ccs)
		if err != nil || size == 0 {
			t.Fatal(size, err)
		}
		return d
	}
	if first, second := digest(10), digest(10); first != second {
		t.Error("the same circuit has two digests")
	}
	if digest(10) == digest(11) {
		t.Error("two circuits have one digest")
	}
	ccs, _ := compileChain(10, false)()
	if err := keys.CheckCircuit(ccs, digest(10)); err != nil {
		t.Error(err)
	}
	if err := keys.CheckCircuit(ccs, digest(11)); err == nil {
		t.Error("another circuit passes for this one")
	}
}

func TestSetupProveVerify(t *testing.T) {
	var mu sync.Mutex
	var calls int
	for _, commit := range []bool{false, true} {
		ccs, err := compileChain(100, commit)()
		if err != nil {
			t.Fatal(err)
		}
		k, err := keys.Setup(t.Context(), ccs, func(elapsed, estimate time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			calls++
			if estimate <= 0 {
				t.Error("no estimate")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		proof, err := keys.Prove(t.Context(), k.ProvingKey, k.ConstraintSystem, &chain{X: 1, Y: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(proof) != k.VerifyingKey.ProofSize() {
			t.Errorf("%d bytes, want %d", len(proof), k.VerifyingKey.ProofSize())
		}
		one := event.Element{31: 1}
		if err := zkverify.Verify(k.VerifyingKey, proof, []event.Element{one}); err != nil {
			t.Error(err)
		}
		if _, public, err := k.Prove(t.Context(), &chain{X: 1, Y: 1}); err != nil || len(public) != 1 || public[0] != one {
			t.Error(public, err)
		}
	}
	if calls < 4 {
		t.Errorf("progress was called %d times", calls)
	}
}

func TestProveErrors(t *testing.T) {
	k := setup(t, 5)
	secret := "987654321987654321"
	_, err := keys.Prove(t.Context(), k.ProvingKey, k.ConstraintSystem, &chain{X: secret, Y: 2})
	if !errors.Is(err, keys.ErrUnsatisfied) {
		t.Errorf("got %v, want %v", err, keys.ErrUnsatisfied)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error tells the witness: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := keys.Prove(ctx, k.ProvingKey, k.ConstraintSystem, &chain{X: 1, Y: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := keys.Setup(ctx, k.ConstraintSystem, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	// Keys of another set-up: the proof is made, but doesn't leave.
	other := setup(t, 5)
	mixed := &keys.Keys{ConstraintSystem: k.ConstraintSystem, ProvingKey: other.ProvingKey, VerifyingKey: k.VerifyingKey}
	if _, _, err := mixed.Prove(t.Context(), &chain{X: 1, Y: 1}); !errors.Is(err, zkverify.ErrInvalid) {
		t.Errorf("got %v, want %v", err, zkverify.ErrInvalid)
	}
}

func TestStoreRoundTrip(t *testing.T) {
	s := openStore(t)
	k := setup(t, 50)
	m := put(t, s, "chain-50", k, noon)
	if m.Trust() != "UNTRUSTED one-party set-up" || m.Digest() != k.VerifyingKey.Digest() {
		t.Errorf("%+v", m)
	}
	for name, load := range map[string]func() (*keys.Keys, error){
		"Load":    func() (*keys.Keys, error) { return s.Load(m.Digest()) },
		"LoadFor": func() (*keys.Keys, error) { return s.LoadFor(m.Digest(), k.ConstraintSystem) },
	} {
		got, err := load()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, err := got.Prove(t.Context(), &chain{X: 1, Y: 1}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	vk, err := s.VerifyingKey(m.Digest())
	if err != nil || vk.Digest() != m.Digest() {
		t.Error(err)
	}
	ccs, _ := compileChain(51, false)()
	if _, err := s.LoadFor(m.Digest(), ccs); err == nil {
		t.Error("keys load for another circuit")
	}
	if _, err := s.Load(event.Digest{1}); !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("got %v, want %v", err, keys.ErrNotFound)
	}
	files, err := filepath.Glob(filepath.Join(s.Dir(), "*", "*"))
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode() != 0o644 {
			t.Error(f, info.Mode(), err)
		}
	}
	if rest, _ := filepath.Glob(filepath.Join(s.Dir(), ".new-*")); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
}

func TestStoreLookup(t *testing.T) {
	s := openStore(t)
	old := put(t, s, "a", setup(t, 3), noon)
	other := put(t, s, "b", setup(t, 4), noon.Add(time.Second))
	latest := put(t, s, "a", setup(t, 3), noon.Add(2*time.Second))
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []*keys.Manifest{latest, other, old} {
		if i >= len(list) || *list[i] != *want {
			t.Fatalf("%d: %+v, want %+v", i, list[i], want)
		}
	}
	if got, err := s.Latest("a"); err != nil || got.Digest() != latest.Digest() {
		t.Error(got, err)
	}
	if _, err := s.Latest("c"); !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("got %v, want %v", err, keys.ErrNotFound)
	}
}

func TestStoreDetectsDamage(t *testing.T) {
	k, foreign := setup(t, 20), setup(t, 20)
	for name, damage := range map[string]func(dir, foreignDir string) error{
		"a changed byte in the proving key": func(dir, _ string) error {
			return edit(filepath.Join(dir, "proving.key"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		},
		"a truncated proving key": func(dir, _ string) error {
			return edit(filepath.Join(dir, "proving.key"), func(b []byte) []byte { return b[:len(b)-1] })
		},
		"an extended proving key": func(dir, _ string) error {
			return edit(filepath.Join(dir, "proving.key"), func(b []byte) []byte { return append(b, 0) })
		},
		"a changed byte in the constraint system": func(dir, _ string) error {
			return edit(filepath.Join(dir, "constraints.bin"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		},
		"a changed byte in the verifying key": func(dir, _ string) error {
			return edit(filepath.Join(dir, "verifying.key"), func(b []byte) []byte { b[50] ^= 1; return b })
		},
		"a foreign proving key": func(dir, foreignDir string) error {
			return os.Rename(filepath.Join(foreignDir, "proving.key"), filepath.Join(dir, "proving.key"))
		},
		"a foreign manifest": func(dir, foreignDir string) error {
			return os.Rename(filepath.Join(foreignDir, "manifest.json"), filepath.Join(dir, "manifest.json"))
		},
		"a foreign proving key named in the manifest": func(dir, foreignDir string) error {
			b, err := os.ReadFile(filepath.Join(foreignDir, "manifest.json"))
			if err != nil {
				return err
			}
			own, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
			if err != nil {
				return err
			}
			pick := func(b []byte) string { // the proving key's object
				_, rest, _ := strings.Cut(string(b), `"provingKey": {`)
				object, _, _ := strings.Cut(rest, "}")
				return object
			}
			own = bytes.Replace(own, []byte(pick(own)), []byte(pick(b)), 1)
			if err := os.WriteFile(filepath.Join(dir, "manifest.json"), own, 0o644); err != nil {
				return err
			}
			return os.Rename(filepath.Join(foreignDir, "proving.key"), filepath.Join(dir, "proving.key"))
		},
		"a manifest that isn't JSON": func(dir, _ string) error {
			return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte("{"), 0o644)
		},
		"a manifest with something after it": func(dir, _ string) error {
			return edit(filepath.Join(dir, "manifest.json"), func(b []byte) []byte { return append(b, "{}"...) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			m := put(t, s, "chain", k, noon)
			f := put(t, s, "chain", foreign, noon)
			dir := filepath.Join(s.Dir(), m.Digest().String())
			if err := damage(dir, filepath.Join(s.Dir(), f.Digest().String())); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(m.Digest()); !errors.Is(err, keys.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, keys.ErrCorrupt)
			}
		})
	}
}

func edit(path string, change func([]byte) []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(b), 0o644)
}

func TestAddProvingKey(t *testing.T) {
	k := setup(t, 30)
	operator, prover := openStore(t), openStore(t)
	m := put(t, operator, "chain-30", k, noon)
	source := keys.Source{
		Name: "chain-30", Setup: event.SetupOneParty,
		ConstraintSystem: m.ConstraintSystem.SHA256, ProvingKey: m.ProvingKey,
		VerifyingKey: k.VerifyingKey.Bytes(),
	}
	f, opened, err := operator.OpenProvingKey(m.Digest())
	if err != nil || *opened != *m {
		t.Fatal(opened, err)
	}
	dump, err := io.ReadAll(f)
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	ccs, _ := compileChain(30, false)() // the prover's own
	otherCCS, _ := compileChain(31, false)()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	changed := bytes.Clone(dump)
	changed[100] ^= 1
	for name, try := range map[string]func() error{
		"truncated": func() error {
			_, err := prover.AddProvingKey(t.Context(), bytes.NewReader(dump[:len(dump)-1]), ccs, source, noon)
			return err
		},
		"too long": func() error {
			_, err := prover.AddProvingKey(t.Context(), io.MultiReader(bytes.NewReader(dump), strings.NewReader("x")), ccs, source, noon)
			return err
		},
		"changed": func() error {
			_, err := prover.AddProvingKey(t.Context(), bytes.NewReader(changed), ccs, source, noon)
			return err
		},
		"another circuit": func() error {
			_, err := prover.AddProvingKey(t.Context(), bytes.NewReader(dump), otherCCS, source, noon)
			return err
		},
		"context ended": func() error {
			_, err := prover.AddProvingKey(cancelled, bytes.NewReader(dump), ccs, source, noon)
			return err
		},
	} {
		if err := try(); err == nil {
			t.Errorf("%s: was added", name)
		}
		if list, err := os.ReadDir(prover.Dir()); err != nil || len(list) > 0 {
			t.Fatalf("%s: left behind %v %v", name, list, err)
		}
	}
	got, err := prover.AddProvingKey(t.Context(), bytes.NewReader(dump), ccs, source, noon)
	if err != nil || *got != *m {
		t.Fatalf("%+v, %v", got, err)
	}
	loaded, err := prover.Load(m.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := loaded.Prove(t.Context(), &chain{X: 1, Y: 1}); err != nil {
		t.Error(err)
	}
	// Again: nothing is read. And over a damaged copy: it's replaced.
	if _, err := prover.AddProvingKey(t.Context(), unreadable{t}, ccs, source, noon); err != nil {
		t.Error(err)
	}
	path := filepath.Join(prover.Dir(), m.Digest().String(), "proving.key")
	if err := edit(path, func(b []byte) []byte { return b[:10] }); err != nil {
		t.Fatal(err)
	}
	if _, err := prover.AddProvingKey(t.Context(), bytes.NewReader(dump), ccs, source, noon); err != nil {
		t.Error(err)
	}
	if _, err := prover.Load(m.Digest()); err != nil {
		t.Error(err)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("a key that's there was read again")
	return 0, io.EOF
}

// An adversary can name any bytes by their digest: nonsense must not crash.
func TestNonsenseWithTheRightDigest(t *testing.T) {
	k := setup(t, 30)
	s := openStore(t)
	m := put(t, s, "chain-30", k, noon)
	dump, err := os.ReadFile(filepath.Join(s.Dir(), m.Digest().String(), "proving.key"))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(dump); at += 1 + len(dump)/40 {
		b := bytes.Clone(dump)
		for i := at; i < min(at+8, len(b)); i++ {
			b[i] = 0xff
		}
		prover := openStore(t)
		c := fileOf(b)
		source := keys.Source{Name: "x", Setup: event.SetupOneParty, ConstraintSystem: m.ConstraintSystem.SHA256, ProvingKey: c, VerifyingKey: k.VerifyingKey.Bytes()}
		if _, err := prover.AddProvingKey(t.Context(), bytes.NewReader(b), k.ConstraintSystem, source, noon); err != nil {
			t.Fatal(err)
		}
		if got, err := prover.Load(m.Digest()); err == nil {
			if _, _, err := got.Prove(t.Context(), &chain{X: 1, Y: 1}); err == nil && !bytes.Equal(b, dump) {
				t.Logf("byte %d: unused", at)
			}
		}
	}
}

func TestKeytestSharesOneSetup(t *testing.T) {
	results := make([]*keys.Keys, 4)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = keytest.Keys(t, "keytest-chain", compileChain(77, true)) })
	}
	wg.Wait()
	for _, k := range results {
		if k.VerifyingKey.Digest() != results[0].VerifyingKey.Digest() {
			t.Error("two set-ups for one circuit")
		}
	}
	if _, _, err := results[0].Prove(t.Context(), &chain{X: 1, Y: 1}); err != nil {
		t.Error(err)
	}
}

func TestRouteGnarkLog(t *testing.T) {
	before := gnarklogger.Logger()
	t.Cleanup(func() { gnarklogger.Set(before) })
	var b bytes.Buffer
	keys.RouteGnarkLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if _, err := compileChain(3, false)(); err != nil {
		t.Fatal(err)
	}
	log := gnarklogger.Logger()
	log.Warn().Msg("circuit has unconstrained inputs")
	for _, want := range []string{"level=DEBUG msg=\"gnark: compiling circuit\"", "level=WARN msg=\"gnark: circuit has unconstrained inputs\""} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestVerifyingKeyOfAnotherCurve(t *testing.T) {
	if _, err := keys.FromGnarkVK(otherCurveVK()); err == nil || !strings.Contains(err.Error(), ecc.BLS12_381.String()) {
		t.Errorf("got %v", err)
	}
}
