package evidence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/verify"
)

func example() *verify.Evidence {
	r := func(index int64) verify.Receipt {
		return verify.Receipt{Index: index, Leaf: []byte{'l', byte(index)}, Hashes: [][32]byte{{byte(index)}}, Note: []byte("log\n18\nAA==\n\n— log AAAA\n")}
	}
	return &verify.Evidence{Event: r(17), Relied: []verify.Receipt{r(0), r(3)}}
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := Save(dir, example()); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(example(), got); d != "" {
		t.Error(d)
	}
	if err := Save(dir, example()); err == nil || !strings.Contains(err.Error(), "isn't empty") {
		t.Errorf("saving over evidence: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct{ name, file, from, to, want string }{
		{"no manifest", "evidence.json", "", "-", "no such file"},
		{"another format", "evidence.json", "/v1", "/v2", "want the format"},
		{"unknown member", "evidence.json", `"event"`, `"x":1,"event"`, "unknown field"},
		{"something behind", "evidence.json", "}", "}{}", "something follows"},
		{"negative index", "evidence.json", "17", "-1", "want the format"},
		{"entry twice", "evidence.json", "3", "0", "listed once"},
		{"the event among the others", "evidence.json", "3", "17", "listed once"},
		{"a leaf is missing", "3.leaf", "", "-", "no such file"},
		{"a proof is missing", "3.tlog-proof", "", "-", "no such file"},
		{"a proof of another entry", "3.tlog-proof", "index 3", "index 4", "is the proof of entry 4"},
		{"no proof", "3.tlog-proof", "tlog-proof", "proof", "couldn't read the tlog-proof"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Save(dir, example()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, tt.file)
			if tt.to == "-" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				changed := strings.Replace(string(b), tt.from, tt.to, 1)
				if changed == string(b) {
					t.Fatalf("the test changes nothing in %q", b)
				}
				if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":"attestlog-evidence/v1","event":17,"relied":[0,3]}`))
	f.Add([]byte(`{"format":"attestlog-evidence/v1","event":-1,"relied":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err == nil && (m.Event < 0 || len(m.Relied) > maxEntries) {
			t.Fatalf("%q was accepted", b)
		}
	})
}
