package witness_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Each of the recipients can open what was sealed to all of them, whatever other identities it has; nobody else can.
func TestSealAndOpen(t *testing.T) {
	one, two, other := identity(t), identity(t), identity(t)
	for name, w := range small(t) {
		sealed, err := witness.Seal(w, one.Recipient(), two.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		for _, with := range [][]age.Identity{{one}, {two}, {other, two}} {
			opened, err := witness.Open(sealed, with...)
			if err != nil || !reflect.DeepEqual(opened, w) {
				t.Errorf("%s: opened it is another witness: %v", name, err)
			}
		}
		if _, err := witness.Open(sealed, other); !errors.Is(err, witness.ErrUndecryptable) {
			t.Errorf("%s: of another identity Open says %v", name, err)
		}
		again, err := witness.Seal(w, one.Recipient())
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("%s: sealed twice it is the same: %v", name, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	if _, err := witness.Seal(small(t)["data-access"]); err == nil {
		t.Error("a witness is sealed for nobody")
	}
	if _, err := witness.Seal(nil, identity(t).Recipient()); err == nil {
		t.Error("nothing is sealed")
	}
	many := make([]age.Recipient, 1400)
	for i := range many {
		many[i] = identity(t).Recipient()
	}
	large := small(t)["data-access"].(*statement.DataAccessWitness)
	for len(large.Records) < 1024 {
		large.Records = append(large.Records, large.Records...)
	}
	if sealed, err := witness.Seal(large, many...); err == nil {
		t.Errorf("a witness is sealed for so many in %d bytes", len(sealed))
	}
}

// seal encrypts anything.
func seal(t testing.TB, plain []byte, to age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenRefuses(t *testing.T) {
	id := identity(t)
	w := small(t)["data-access"]
	sealed, err := witness.Seal(w, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := witness.Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := bytes.Clone(sealed)
		b[at] ^= 1
		return b
	}
	password, err := age.NewScryptRecipient("password")
	if err != nil {
		t.Fatal(err)
	}
	password.SetWorkFactor(1)
	for _, tc := range []struct {
		name   string
		sealed []byte
		want   error
	}{
		{"nothing", nil, witness.ErrUndecryptable},
		{"a witness that isn't sealed", plain, witness.ErrUndecryptable},
		{"a password", seal(t, plain, password), witness.ErrUndecryptable},
		{"another header", flip(60), witness.ErrUndecryptable},
		{"another body", flip(len(sealed) - 100), witness.ErrUndecryptable},
		{"the end is missing", sealed[:len(sealed)-1], witness.ErrUndecryptable},
		{"only the header", sealed[:200], witness.ErrUndecryptable},
		{"something at the end", append(bytes.Clone(sealed), 0), witness.ErrUndecryptable},
		{"too long", append(bytes.Clone(sealed), make([]byte, witness.MaxSealed)...), witness.ErrUndecryptable},
		{"garbage, sealed", seal(t, []byte("secret garbage"), id.Recipient()), witness.ErrMalformed},
		{"nothing, sealed", seal(t, nil, id.Recipient()), witness.ErrMalformed},
		{"a witness and more, sealed", seal(t, append(bytes.Clone(plain), 0), id.Recipient()), witness.ErrMalformed},
		{"too much, sealed", seal(t, make([]byte, witness.MaxBytes+1), id.Recipient()), witness.ErrMalformed},
	} {
		_, err := witness.Open(tc.sealed, id)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: Open says %v, want %v", tc.name, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "data-access")) {
			t.Errorf("%s: the error quotes what it is about: %v", tc.name, err)
		}
	}
	// Who has no identity at all doesn't blame the witness.
	if _, err := witness.Open(sealed); err == nil || errors.Is(err, witness.ErrUndecryptable) || errors.Is(err, witness.ErrMalformed) {
		t.Errorf("without an identity Open says %v", err)
	}
}
