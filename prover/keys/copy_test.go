package keys_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
)

// Keys of a ceremony name its transcript, wherever they are copied to.
func TestCopyKeepsTheManifest(t *testing.T) {
	k := setup(t, 12)
	from := openStore(t)
	m, err := from.PutCeremony("chain-12", k, event.Digest{7}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if m.Trust() != "ceremony" || m.Transcript != (event.Digest{7}) {
		t.Errorf("%+v", m)
	}
	if file, err := keys.ProvingKeyFile(k.ProvingKey); err != nil || file != m.ProvingKey {
		t.Errorf("%v, want %v (%v)", file, m.ProvingKey, err)
	}
	to := openStore(t)
	copied, err := to.Copy(t.Context(), from, m.Digest(), k.ConstraintSystem)
	if err != nil || *copied != *m {
		t.Fatalf("%+v, %v", copied, err)
	}
	got, err := to.Load(m.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := got.Prove(t.Context(), &chain{X: 1, Y: 1}); err != nil {
		t.Error(err)
	}
	if _, err := to.Copy(t.Context(), from, event.Digest{9}, k.ConstraintSystem); !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("got %v, want %v", err, keys.ErrNotFound)
	}
	other, err := compileChain(13, false)()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t).Copy(t.Context(), from, m.Digest(), other); err == nil || !strings.Contains(err.Error(), "circuit is not the statement's") {
		t.Errorf("keys were copied for another circuit: %v", err)
	}
	if err := edit(filepath.Join(from.Dir(), m.Digest().String(), "proving.key"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b }); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t).Copy(t.Context(), from, m.Digest(), k.ConstraintSystem); err == nil {
		t.Error("damaged keys were copied")
	}
}

// A manifest that claims a ceremony without naming its transcript, or the other way round, is no manifest.
func TestManifestNamesTheTranscript(t *testing.T) {
	k := setup(t, 12)
	for name, change := range map[string][2]string{
		"a ceremony without a transcript":       {`"setup": "one-party"`, `"setup": "ceremony"`},
		"a one-party set-up with a transcript":  {`"setup": "one-party",`, `"setup": "one-party", "transcript": "` + strings.Repeat("07", 32) + `",`},
		"an unknown set-up":                     {`"setup": "one-party"`, `"setup": "trust me"`},
		"a transcript that is not quite hex":    {`"setup": "one-party",`, `"setup": "ceremony", "transcript": "` + strings.Repeat("0G", 32) + `",`},
		"a ceremony whose transcript is zeroes": {`"setup": "one-party",`, `"setup": "ceremony", "transcript": "` + strings.Repeat("00", 32) + `",`},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			m := put(t, s, "chain-12", k, noon)
			if err := edit(filepath.Join(s.Dir(), m.Digest().String(), "manifest.json"), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), change[0], change[1], 1))
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(m.Digest()); !errors.Is(err, keys.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, keys.ErrCorrupt)
			}
		})
	}
	if _, err := openStore(t).PutCeremony("chain-12", k, event.Digest{}, noon); err == nil {
		t.Error("keys of a ceremony without a transcript were stored")
	}
}
