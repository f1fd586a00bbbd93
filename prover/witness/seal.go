package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/attestlog/attestlog/prover/statement"
)

// MaxSealed is the most bytes that a sealed witness may have: a witness, and some hundred recipients' stanzas.
const MaxSealed = MaxBytes + 64<<10

// ErrUndecryptable tells that none of the identities opens a sealed witness, or that it isn't an age file, was cut, or was changed.
var ErrUndecryptable = errors.New("the sealed witness can't be decrypted")

// Seal encrypts a witness, as age's binary format has it, so that each of the recipients can open it. An event that defers its proof
// states the SHA-256 of what Seal returns; sealing again gives other bytes.
func Seal(of statement.Witness, to ...age.Recipient) ([]byte, error) {
	if len(to) == 0 {
		return nil, errors.New("couldn't seal the witness: nobody is to open it")
	}
	b, err := Encode(of)
	if err != nil {
		return nil, err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to...)
	if err != nil {
		return nil, fmt.Errorf("couldn't seal the witness: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("couldn't seal the witness: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("couldn't seal the witness: %w", err)
	}
	if sealed.Len() > MaxSealed {
		return nil, fmt.Errorf("couldn't seal the witness: for %d recipients it takes more than %d bytes", len(to), MaxSealed)
	}
	return sealed.Bytes(), nil
}

// Open decrypts and decodes a sealed witness. Its errors are [ErrUndecryptable], where nobody who has these identities can read
// it, and [ErrMalformed], where what they read is no witness.
func Open(sealed []byte, with ...age.Identity) (statement.Witness, error) {
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%w: it has %d bytes, and may have %d", ErrUndecryptable, len(sealed), MaxSealed)
	}
	if len(with) == 0 {
		return nil, errors.New("couldn't open the sealed witness: there is no identity to do it with") // nothing is wrong with the witness
	}
	// What age says of a file may quote it, and somebody may have forgotten to seal what is here: so it isn't passed on.
	plain, err := age.Decrypt(bytes.NewReader(sealed), with...)
	var others *age.NoIdentityMatchError
	if errors.As(err, &others) {
		return nil, fmt.Errorf("%w: it is sealed for others", ErrUndecryptable)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it isn't an age file, or its header was changed", ErrUndecryptable)
	}
	b, err := io.ReadAll(plain) // shorter than what is sealed
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or isn't whole", ErrUndecryptable)
	}
	return Decode(b)
}
