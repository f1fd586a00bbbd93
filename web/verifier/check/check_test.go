package check_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/web/verifier/check"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../ledger/verify/testdata/bundles", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStepsShowTheirInputs: whoever has another program can repeat each check with what a step was made of.
func TestStepsShowTheirInputs(t *testing.T) {
	key, policy := string(read(t, "log.pub")), string(read(t, "policy"))
	inputs := map[string]string{}
	answer := check.Bundle(read(t, "good.attestlog"), key, policy, func(step check.Object) {
		for _, in := range step["inputs"].([]any) {
			inputs[step["name"].(string)] += in.(check.Object)["name"].(string) + "=" + in.(check.Object)["value"].(string) + "\n"
		}
		if step["title"] == step["name"] {
			t.Errorf("the step %s has no title for people", step["name"])
		}
	})
	if answer["ok"] != true {
		t.Fatal(answer["error"])
	}
	for step, names := range map[string][]string{
		"head": {"log's key=", "note=log.example/test\n", "size=16", "root="}, "witnesses": {"quorum=", "witness north=", "witness south="},
		"inclusion": {"leaf hash of entry ", "hashes of subtrees=", "root that they lead to="}, "law": {"entry 0, source="},
		"source": {"Ed25519 signature=", "payload, SHA-256 of it="}, "statement": {"verifying key, SHA-256 of it=", "constraint system"},
		"proof": {"context=", "dataset=", "purpose=", "columns=", "records=", "accesses=", "proof="}, "references": {"dataset="},
	} {
		for _, name := range names {
			if !strings.Contains(inputs[step], name) {
				t.Errorf("the step %s doesn't say %q:\n%s", step, name, inputs[step])
			}
		}
	}
	if _, err := json.Marshal(answer); err != nil {
		t.Error(err)
	}
}

// TestHeadsAndForks goes through what a browser does with heads that it has seen.
func TestHeadsAndForks(t *testing.T) {
	log := logtest.New(t, "log.example/heads")
	one, other := log.History(9, 9, ""), log.History(9, 4, "another")
	hashes := func(h *logtest.History, from, to int64) string {
		var lines []string
		for _, hash := range h.Proof(from, to) {
			lines = append(lines, hex.EncodeToString(hash[:]))
		}
		return strings.Join(lines, "\n")
	}
	key := log.VKey
	if a := check.Consistency(one.Head(4), one.Head(9), hashes(one, 4, 9), key); a["ok"] != true {
		t.Errorf("a head that continues: %v", a)
	}
	if a := check.Consistency(one.Head(9), other.Head(9), "", key); a["ok"] != false {
		t.Errorf("two heads of one size: %v", a)
	}
	if a := check.Consistency(one.Head(9), one.Head(4), hashes(one, 4, 9), key); a["ok"] != false {
		t.Errorf("the wrong way round: %v", a)
	}
	made := check.MakeFork(one.Head(9), other.Head(9), key)
	if made["ok"] != true {
		t.Fatalf("two heads of one size are no fork: %v", made)
	}
	if a := check.Fork([]byte(made["file"].(string)), key); a["ok"] != true {
		t.Errorf("what was made of them shows none: %v", a)
	}
	if a := check.MakeFork(one.Head(9), one.Head(9), key); a["ok"] != false {
		t.Errorf("a head contradicts itself: %v", a)
	}
	if a := check.Fork([]byte(made["file"].(string)), logtest.New(t, "log.example/heads").VKey); a["ok"] != false {
		t.Errorf("by another key it shows a fork: %v", a)
	}
}

// FuzzFiles gives files of any content to everything that takes one. It answers, and accepts nothing that the log didn't sign.
func FuzzFiles(f *testing.F) {
	good, key, policy := read(f, "good.attestlog"), string(read(f, "log.pub")), string(read(f, "policy"))
	bundle, err := verify.ParseBundle(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bundle.Note)
	f.Add(bundle.Entries[0].Leaf)
	f.Add((&verify.Fork{First: bundle.Note, Second: bundle.Note}).Encode())
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n"))
	f.Add([]byte(policy))
	f.Add([]byte(key))
	f.Fuzz(func(t *testing.T, file []byte) {
		text := string(file)
		for name, answer := range map[string]check.Object{
			"bundle": check.Bundle(file, key, "", func(check.Object) {}), "head": check.Head(file, key, policy), "fork": check.Fork(file, key),
			"receipt": check.Receipt(bundle.Entries[0].Leaf, file, key, ""), "leaf": check.Receipt(file, file, key, ""),
			"consistency": check.Consistency(bundle.Note, bundle.Note, text, key), "older": check.Consistency(file, bundle.Note, "", key), "makeFork": check.MakeFork(file, bundle.Note, key),
			"key": check.Key(text), "policy": check.Policy(text),
		} {
			ok, _ := answer["ok"].(bool)
			if why, _ := answer["error"].(string); ok == (why != "") {
				t.Errorf("%s: ok %t, error %q", name, ok, why)
			}
			if ok && name != "key" && name != "policy" && name != "consistency" && !bytes.Contains(file, bundle.Note[:40]) {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}
