package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// paper is a log of a few statements.
type paper struct {
	statements []*client.Statement
	unproven   map[int64]bool // registrations whose evidence doesn't hold
}

func (p *paper) Statements(context.Context) ([]*client.Statement, error) { return p.statements, nil }

func (p *paper) Verify(_ context.Context, index int64) error {
	if p.unproven[index] {
		return fmt.Errorf("entry %d does not hold", index)
	}
	return nil
}

func (p *paper) Resolver(context.Context) statement.TreeResolver { return nowhere{} }

type nowhere struct{}

func (nowhere) Event(d event.Digest) (*event.Event, error) { return nil, fmt.Errorf("no event %s", d) }
func (nowhere) RootThrough(d event.Digest) ([32]byte, error) {
	return [32]byte{}, fmt.Errorf("no event %s", d)
}

func foreignKeys(t testing.TB) *keys.Keys {
	return keytest.Keys(t, "foreign", func() (constraint.ConstraintSystem, error) { return circuittest.CompileForeign(4) })
}

var inputs = []event.Input{{Name: "square", Type: event.InputInteger, Max: 100}, {Name: "model", Type: event.InputDigest}}

func (p *paper) add(name, status string, key []byte, inputs ...event.Input) {
	claims := &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: name, Setup: event.SetupImported, Inputs: inputs, Shows: "x",
		NotShown: []string{"y"}, VerifyingKey: key}
	p.statements = append(p.statements, &client.Statement{Digest: event.DigestOf(key), Claims: claims, Status: status,
		Registration: &client.Receipt{Receipt: verify.Receipt{Index: int64(len(p.statements))}}})
}

func values(square int64) *event.CustomClaims {
	return &event.CustomClaims{Inputs: []event.Value{{Name: "square", Type: event.InputInteger, Integer: square}, {Name: "model", Type: event.InputDigest, Digest: event.Digest{15: 1, 31: 2}}}}
}

func TestFind(t *testing.T) {
	k := foreignKeys(t)
	p := &paper{unproven: map[int64]bool{3: true}}
	p.add("revoked", "revoked", []byte("r"), inputs...)
	p.add("squares", "active", k.VerifyingKey.Bytes(), inputs...)
	p.add("others", "active", []byte("o"), inputs[0])
	p.add("forged", "active", []byte("f"), inputs[1])
	for name, c := range map[string]struct {
		named  string
		claims event.Claims
		want   string
	}{
		"by its values":            {"", values(49), ""},
		"by its name":              {"squares", values(49), ""},
		"by its digest":            {k.VerifyingKey.Digest().String(), values(49), ""},
		"revoked":                  {"revoked", values(49), `no imported statement "revoked" that stands; those that do are squares, others, forged`},
		"no such values":           {"", &event.CustomClaims{}, "no imported statement takes such values"},
		"another kind":             {"", &event.ApprovalClaims{}, "claims of kind approval"},
		"not the operator's":       {"forged", values(49), "couldn't rely on the registration of forged"},
		"a key that can't be used": {"others", values(49), "verifying key"},
	} {
		s, err := Find(t.Context(), p, c.named, c.claims)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err == nil && s.ID != k.VerifyingKey.Digest() {
			t.Errorf("%s: found %s", name, s.Name)
		}
	}
	p.add("more squares", "active", []byte("m"), inputs...)
	if _, err := Find(t.Context(), p, "", values(49)); err == nil || !strings.Contains(err.Error(), "say which one is meant") {
		t.Errorf("two statements of the same values: got %v", err)
	}
	if _, err := Find(t.Context(), &paper{}, "x", values(49)); err == nil || !strings.Contains(err.Error(), "attestlog statement import") {
		t.Errorf("no statements: got %v", err)
	}
}

// event of a log, under the only statement, with what proves it.
func proven(t *testing.T) (*Statement, *event.Event, event.Digest, []byte) {
	t.Helper()
	k, p := foreignKeys(t), new(paper)
	p.add("squares", "active", k.VerifyingKey.Bytes(), inputs...)
	s, err := Find(t.Context(), p, "", values(49))
	if err != nil {
		t.Fatal(err)
	}
	e := &event.Event{Log: "log.example", Source: "gateway/1", Seq: 1, Proof: event.ProofInline, Statement: s.ID, Claims: values(49)}
	digest := event.Digest{9}
	task, err := s.Task(t.Context(), e, digest)
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := k.Prove(t.Context(), circuittest.AssignForeign(7, task.Public))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := zkverify.ParseProof(made, k.VerifyingKey)
	if err != nil {
		t.Fatal(err)
	}
	file, err := snarkjs.FormatProof(proof)
	if err != nil {
		t.Fatal(err)
	}
	return s, e, digest, file
}

func TestFiles(t *testing.T) {
	s, e, digest, _ := proven(t)
	task, err := s.Task(t.Context(), e, digest)
	if err != nil {
		t.Fatal(err)
	}
	ctx := snarkjs.Number(task.Public[0])
	b, err := task.InputFile([]byte(`{"root": "7", "path": [1, {"x": 2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, b); err != nil {
		t.Fatal(err)
	}
	if want := `{"context":"` + ctx + `","model":["1","2"],"path":[1,{"x":2}],"root":"7","square":"49"}`; got.String() != want {
		t.Errorf("input.json is %s, want %s", &got, want)
	}
	if b, err = task.PublicFile(); err != nil || strings.Join(strings.Fields(string(b)), "") != `["`+ctx+`","49","1","2"]` {
		t.Errorf("public.json is %s, %v", b, err)
	}
	for name, private := range map[string]string{
		"no JSON": `{"secret`, "a list": `["secret"]`, "null": `null`, "two": `{} {}`,
		"a public signal": `{"square": "secret"}`, "the context": `{"context": "secret"}`, "an array's name": `{"model": "secret"}`,
	} {
		if _, err := task.InputFile([]byte(private)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestProver(t *testing.T) {
	s, e, digest, proof := proven(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("MADE", filepath.Join(t.TempDir(), "made.json"))
	if err := os.WriteFile(os.Getenv("MADE"), proof, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, command string
		digest        event.Digest
		want          string
		is            error
	}{
		{"a good one", `test -s "$ATTESTLOG_INPUT" && test -s "$ATTESTLOG_PUBLIC" && cp "$MADE" "$ATTESTLOG_PROOF" && echo done`, digest, "", nil},
		{"for another event", `cp "$MADE" "$ATTESTLOG_PROOF"`, event.Digest{8}, "does not verify", ErrProof},
		{"that fails", `echo the reason >&2; exit 3`, digest, "the prover failed: exit status 3", nil},
		{"that writes nothing", `true`, digest, "wrote no proof", nil},
		{"that writes no proof", `echo '{}' > "$ATTESTLOG_PROOF"`, digest, "is missing", nil},
		{"that writes without end", `head -c 100000 /dev/zero > "$ATTESTLOG_PROOF"`, digest, "at most", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var printed bytes.Buffer
			p := &Prover{Command: c.command, Private: []byte(`{"root": "7"}`), Output: &printed}
			got, err := p.Prove(t.Context(), s, e, c.digest)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err == nil && len(got) != zkverify.ProofSize {
				t.Errorf("the proof has %d bytes", len(got))
			}
			if strings.Contains(c.command, "echo the reason") && printed.String() != "the reason\n" {
				t.Errorf("it printed %q", &printed)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("it left %v behind, %v", left, err)
			}
		})
	}
}

// Whoever gives up ends the prover, and what it started.
func TestProverEndsWithItsCaller(t *testing.T) {
	s, e, digest, _ := proven(t)
	started := filepath.Join(t.TempDir(), "started")
	t.Setenv("STARTED", started)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no patience")
	ended := make(chan error, 1)
	go func() {
		p := &Prover{Command: `sleep 600 & echo $! > "$STARTED.new" && mv "$STARTED.new" "$STARTED"; wait`}
		_, err := p.Prove(ctx, s, e, digest)
		ended <- err
	}()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it never started")
		}
	}
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	pid, err := os.ReadFile(started)
	if err != nil {
		t.Fatal(err)
	}
	// A process that was killed is soon gone, or waits as a zombie for whoever inherited it.
	var state []byte
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		state, err = os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") || time.Now().After(deadline) {
			break
		}
	}
	if err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("what it started lives on: %s", state)
	}
}
