package verifier_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/attestlog/attestlog/web/verifier"
	"github.com/attestlog/attestlog/web/verifier/check"
)

// TestMain builds the verifier first: it is what the tests are about, and not in the repository.
func TestMain(m *testing.M) {
	if out, err := exec.Command("go", "run", "./build", "-quiet").CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestSize holds the verifier to what a page may ask its reader to load. Brotli is what browsers get from localhost and over HTTPS.
func TestSize(t *testing.T) {
	packed, err := os.ReadFile("dist/verifier.wasm.br")
	if err != nil {
		t.Fatal(err)
	}
	gzipped, err := os.ReadFile("dist/verifier.wasm.gz")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes with Brotli, %d with gzip", len(packed), len(gzipped))
	if len(packed) > verifier.MaxPacked {
		t.Errorf("it has %d bytes, and at most %d are allowed: go list -deps and go tool nm show what came in", len(packed), verifier.MaxPacked)
	}
	wasm, err := (&verifier.Verifier{Gzip: gzipped}).Wasm()
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if _, err := again.ReadFrom(brotli.NewReader(bytes.NewReader(packed))); err != nil || !bytes.Equal(again.Bytes(), wasm) {
		t.Errorf("the two are not the same verifier (%v)", err)
	}
	if !bytes.HasPrefix(wasm, []byte("\x00asm")) {
		t.Error("it is no WebAssembly")
	}
}

// call is a call of the verifier in the browser.
type call struct {
	Call  string `json:"call"`
	Args  []any  `json:"args"`
	Watch bool   `json:"watch,omitempty"`
}

// file is an argument of bytes.
type file struct {
	Bytes []byte `json:"bytes"`
}

type answer struct {
	Answer check.Object   `json:"answer"`
	Steps  []check.Object `json:"steps"`
	Ms     float64        `json:"ms"`
}

// ask runs calls in Node.js, by the compiled verifier.
func ask(t *testing.T, calls []call) []answer {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node.js is missing: scripts/install-circom installs it")
	}
	b, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	asked := filepath.Join(t.TempDir(), "calls.json")
	if err := os.WriteFile(asked, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), node, "testdata/calls.mjs", "dist", asked).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("%v\n%s", err, failed.Stderr)
	}
	var said struct {
		Started float64  `json:"started"`
		Answers []answer `json:"answers"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("couldn't read what the verifier said: %v", err)
	}
	if len(said.Answers) != len(calls) {
		t.Fatalf("%d calls were made, and %d answered", len(calls), len(said.Answers))
	}
	t.Logf("the verifier started in %.0f ms", said.Started)
	return said.Answers
}

// same holds an answer of the browser's against one of this program's.
func same(t *testing.T, what string, got any, want any) {
	t.Helper()
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(got); err != nil {
		t.Fatal(err)
	}
	var other any
	if err := json.Unmarshal(b, &other); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(other, plain) {
		t.Errorf("%s: in the browser it is\n%v\nand should be\n%v", what, other, plain)
	}
}

const corpus = "../../ledger/verify/testdata/bundles"

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBundlesInTheBrowser shows the corpus of bundles to the compiled verifier: it must say of each, word for word, what native Go says, and
// of the bad ones what the corpus wants.
func TestBundlesInTheBrowser(t *testing.T) {
	good, key, policy := read(t, "good.attestlog"), string(read(t, "log.pub")), string(read(t, "policy"))
	var mutations []struct {
		Name     string
		From, To int
		Insert   []byte
		Error    string
	}
	if err := json.Unmarshal(read(t, "mutations.json"), &mutations); err != nil {
		t.Fatal(err)
	}
	files, names, errors := [][]byte{good, good}, []string{"good, the first time", "good"}, []string{"", ""}
	for _, m := range mutations {
		files = append(files, slices.Concat(good[:m.From], m.Insert, good[m.To:]))
		names, errors = append(names, m.Name), append(errors, m.Error)
	}
	var calls []call
	for _, f := range files {
		calls = append(calls, call{Call: "bundle", Args: []any{file{f}, key, policy}, Watch: true})
	}
	accepted := 0
	for i, said := range ask(t, calls) {
		var steps []check.Object
		native := check.Bundle(files[i], key, policy, func(step check.Object) { steps = append(steps, step) })
		same(t, names[i], said.Answer, native)
		same(t, names[i]+", steps", append([]check.Object{}, said.Steps...), append([]check.Object{}, steps...))
		if text, _ := said.Answer["error"].(string); text != errors[i] || said.Answer["ok"] != (errors[i] == "") {
			t.Errorf("%s: ok %v, %q, want %q", names[i], said.Answer["ok"], text, errors[i])
		}
		if said.Answer["ok"] == true {
			accepted++
			t.Logf("%s: %.0f ms for %v entries, %v of them asked about: %v", names[i], said.Ms, said.Answer["entries"], said.Answer["asked"], said.Answer["verdicts"])
		}
	}
	if accepted != 2 || len(mutations) < 80 {
		t.Errorf("%d files of %d were accepted, and only the good one should be, twice", accepted, len(files))
	}
}

// TestOtherCallsInTheBrowser asks the rest: each answer must be that of native Go.
func TestOtherCallsInTheBrowser(t *testing.T) {
	good, key, policy := read(t, "good.attestlog"), string(read(t, "log.pub")), string(read(t, "policy"))
	_, rest, _ := bytes.Cut(good, []byte("\nhead "))
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	signed, _, _ := bytes.Cut(rest, []byte("entries "))
	huge := strings.Repeat("x", 70000)
	type c struct {
		call string
		args []any
		want check.Object
		ok   bool
	}
	cases := []c{
		{"key", []any{key}, check.Key(key), true},
		{"key", []any{"log.example/test+00000000+AAAA"}, check.Key("log.example/test+00000000+AAAA"), false},
		{"key", []any{huge}, check.Key(huge), false},
		{"policy", []any{policy}, check.Policy(policy), true},
		{"policy", []any{huge}, check.Policy(huge), false},
		{"head", []any{file{signed}, key, policy}, check.Head(signed, key, policy), true},
		{"head", []any{file{signed}, key, ""}, check.Head(signed, key, ""), true},
		{"head", []any{file{signed[1:]}, key, policy}, check.Head(signed[1:], key, policy), false},
		{"head", []any{file{}, key, policy}, check.Head(nil, key, policy), false},
		{"consistency", []any{file{signed}, file{signed}, "", key}, check.Consistency(signed, signed, "", key), true},
		{"consistency", []any{file{signed}, file{signed}, strings.Repeat("0", 64), key}, check.Consistency(signed, signed, strings.Repeat("0", 64), key), false},
		{"consistency", []any{file{signed}, file{signed}, "nonsense", key}, check.Consistency(signed, signed, "nonsense", key), false},
		{"fork", []any{file{good}, key}, check.Fork(good, key), false},
		{"makeFork", []any{file{signed}, file{signed}, key}, check.MakeFork(signed, signed, key), false},
		{"receipt", []any{file{good}, file{signed}, key, policy}, check.Receipt(good, signed, key, policy), false},
	}
	var calls []call
	for _, c := range cases {
		calls = append(calls, call{Call: c.call, Args: c.args})
	}
	calls = append(calls, call{Call: "key", Args: []any{}}, call{Call: "key", Args: []any{file{signed}}}, call{Call: "bundle", Args: []any{file{good}, key, policy}})
	answers := ask(t, calls)
	for i, c := range cases {
		same(t, c.call, answers[i].Answer, c.want)
		if answers[i].Answer["ok"] != c.ok {
			t.Errorf("call %d, %s: ok is %v: %v", i, c.call, answers[i].Answer["ok"], answers[i].Answer["error"])
		}
	}
	for _, a := range answers[len(cases):] {
		if text, _ := a.Answer["error"].(string); a.Answer["ok"] != false || !strings.HasPrefix(text, "the verifier failed: ") {
			t.Errorf("a call with wrong arguments gives %v", a.Answer)
		}
	}
}
