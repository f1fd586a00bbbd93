package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/scripttest"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/ceremony"
	"github.com/attestlog/attestlog/prover/statement"
)

// stand is a circuit with as many public inputs as model-version has, and far fewer constraints: each input is the square of a secret.
type stand struct {
	Roots   [5]frontend.Variable
	Squares [5]frontend.Variable `gnark:",public"`
}

func (c *stand) Define(api frontend.API) error {
	for i := range c.Roots {
		api.AssertIsEqual(api.Mul(c.Roots[i], c.Roots[i]), c.Squares[i])
	}
	return nil
}

// standsFor is a table of circuits with one row, in which the circuit of model-version is a small one: a ceremony for the real one takes minutes.
func standsFor(name string) (provable, error) {
	s, err := statement.ByName(name)
	return provable{
		proves:  s.Proves,
		compile: func() (constraint.ConstraintSystem, error) { return gadget.Compile(&stand{}) },
		sample: func() (frontend.Circuit, []event.Element, error) {
			c := &stand{}
			for i := range c.Roots {
				c.Roots[i], c.Squares[i] = i, i*i
			}
			return c, nil, nil
		},
	}, err
}

const standing = "model-version"

// adding is a log that statements are added to.
type adding struct {
	t         *testing.T
	data, url string
	keys      *keys.Store
}

func (a *adding) add(change func(*statementAdd)) (string, error) {
	a.t.Helper()
	c := &statementAdd{circuits: standsFor}
	c.Data, c.Server, c.Timeout = a.data, a.url, 20*time.Second
	change(c)
	var out bytes.Buffer
	err := c.run(a.t.Context(), command.Streams{Out: &out, Err: io.Discard})
	return out.String(), err
}

// setup makes new keys.
func (a *adding) setup(created time.Time) *keys.Manifest {
	a.t.Helper()
	table, err := standsFor(standing)
	if err != nil {
		a.t.Fatal(err)
	}
	ccs, err := table.compile()
	if err != nil {
		a.t.Fatal(err)
	}
	k, err := keys.Setup(a.t.Context(), ccs, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	m, err := a.keys.Put(standing, k, created)
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}

func (a *adding) must(change func(*statementAdd), want string) {
	a.t.Helper()
	if out, err := a.add(change); err != nil || !strings.Contains(out, want) {
		a.t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func (a *adding) refused(change func(*statementAdd), want string) {
	a.t.Helper()
	if out, err := a.add(change); err == nil || !strings.Contains(err.Error(), want) {
		a.t.Errorf("got %q, %v, want the error %q", out, err, want)
	}
}

// ceremony runs one with two contributors.
func (a *adding) ceremony(seal bool) string {
	a.t.Helper()
	table, err := standsFor(standing)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	c, err := ceremony.Init(a.t.Context(), dir, ceremony.Statement{Name: standing, Compile: table.compile}, ceremony.Options{})
	for phase := byte(1); phase <= 2 && err == nil; phase++ {
		for _, name := range []string{"Ada", "Blaise"} {
			if _, err := c.Contribute(a.t.Context(), name); err != nil {
				a.t.Fatal(err)
			}
		}
		if seal || phase == 1 {
			_, err = c.Seal(a.t.Context(), ceremony.Beacon{Value: bytes.Repeat([]byte{phase}, 16), Source: "a test"})
		}
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return dir
}

func TestStatementAdd(t *testing.T) {
	dir := filepath.Join(scripttest.ReachableDir(t), "log")
	runToEnd(t, "init", "--data", dir, "--origin", "test.example/log", "--statements", "none")
	store, err := keys.OpenStore(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	a := &adding{t, dir, serveForTest(t, dir), store}
	fromKeys := func(c *statementAdd) { c.Keys, c.Statement = a.keys.Dir(), standing }

	// Keys of a one-party set-up.
	a.refused(fromKeys, "no keys for this statement")
	now := time.Now()
	first := a.setup(now)
	a.must(fromKeys, "registered the statement model-version, "+first.Digest().String()+": entry 1; one-party set-up: UNTRUSTED")
	a.must(fromKeys, "is registered already: entry 1; one-party set-up: UNTRUSTED")
	a.served(first)

	// Revoked, it doesn't come back; fresh keys do.
	runToEnd(t, "statement", "revoke", "--data", dir, "--server", a.url, "--statement", standing)
	a.refused(fromKeys, "was revoked, for good; make fresh keys")
	second := a.setup(now.Add(time.Second))
	a.must(fromKeys, second.Digest().String()+": entry 3;")
	a.served(second)

	// A ceremony, over it: both stand.
	sealed := a.ceremony(true)
	fromCeremony := func(dir string) func(*statementAdd) { return func(c *statementAdd) { c.Ceremony = dir } }
	transcript, err := ceremony.ReadTranscript(sealed)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := transcript.Digest()
	if err != nil {
		t.Fatal(err)
	}
	a.must(fromCeremony(sealed), "entry 4; ceremony; transcript "+digest.String()+" with 2 and 2 contributions; every contribution was verified")
	a.must(fromCeremony(sealed), "is registered already: entry 4; ceremony")
	last := a.statements()[2]
	if last.Claims.Setup != event.SetupCeremony || last.Claims.Transcript != digest || last.Digest != transcript.VerifyingKey {
		t.Errorf("%+v", last.Claims)
	}
	for i, want := range []string{"model-version, UNTRUSTED: keys of a one-party set-up", "model-version, UNTRUSTED: keys of a one-party set-up", "model-version"} {
		receipt := a.statements()[i].Registration
		if entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf); err != nil || entry.Event.Subject.Name != want {
			t.Errorf("entry %d is about %q, want %q (%v)", receipt.Index, entry.Event.Subject.Name, want, err)
		}
	}
	m, err := a.own().Manifest(transcript.VerifyingKey)
	if err != nil || m.Transcript != digest {
		t.Fatal(m, err)
	}
	a.served(m)
	quick := a.ceremony(true)
	a.must(func(c *statementAdd) { c.Ceremony, c.Quick = quick, true }, "entry 5; ceremony; transcript ")

	// What is no good.
	a.refused(fromCeremony(a.ceremony(false)), "isn't sealed yet")
	a.refused(fromCeremony(t.TempDir()), "there is no ceremony")
	a.refused(func(c *statementAdd) { c.Ceremony, c.Statement = sealed, "data-access-16" }, "the ceremony is for model-version")
	a.refused(func(c *statementAdd) { c.Keys, c.Statement = filepath.Join(sealed, "keys"), standing }, "which --ceremony verifies")
	a.refused(func(c *statementAdd) { c.Ceremony, c.circuits = sealed, tableOfCircuits }, "this program's circuit of model-version is not the one")
	spoiled := a.ceremony(true)
	path := filepath.Join(spoiled, "phase2", "0001.mpc")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	a.refused(fromCeremony(spoiled), "contribution 1 of phase 2")
	a.refused(func(c *statementAdd) { c.Ceremony, c.Quick = spoiled, true }, "phase 2")

	damaged := a.setup(now.Add(2 * time.Second))
	path = filepath.Join(a.keys.Dir(), damaged.Digest().String(), "proving.key")
	if err := os.WriteFile(path, []byte("no key"), 0o644); err != nil {
		t.Fatal(err)
	}
	a.refused(fromKeys, keys.ErrCorrupt.Error())
	if got := len(a.statements()); got != 4 {
		t.Errorf("the log has %d statements, want 4", got)
	}
	if _, err := a.own().Manifest(damaged.Digest()); err == nil {
		t.Error("damaged keys were taken over")
	}
}

func (a *adding) own() *keys.Store {
	a.t.Helper()
	own, err := keys.OpenStore(filepath.Join(a.data, "keys"))
	if err != nil {
		a.t.Fatal(err)
	}
	return own
}

func (a *adding) client() *client.Client {
	a.t.Helper()
	public, err := os.ReadFile(filepath.Join(a.data, "log.pub"))
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := client.New(a.url, client.Options{LogKey: strings.TrimSpace(string(public))})
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *adding) statements() []*client.Statement {
	a.t.Helper()
	all, err := a.client().Statements(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return all
}

// served makes sure that provers get the proving key by the statement's digest, from the server that was running all along.
func (a *adding) served(m *keys.Manifest) {
	a.t.Helper()
	c := a.client()
	st, err := c.Statement(a.t.Context(), m.Digest())
	if err != nil {
		a.t.Fatal(err)
	}
	body, err := c.ProvingKey(a.t.Context(), st, 0)
	if err != nil {
		a.t.Fatal(err)
	}
	defer body.Close()
	h := sha256.New()
	if n, err := io.Copy(h, body); err != nil || n != m.ProvingKey.Size || event.Digest(h.Sum(nil)) != m.ProvingKey.SHA256 {
		a.t.Errorf("%d bytes were served that are not the proving key (%v)", n, err)
	}
}
