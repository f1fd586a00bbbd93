package witness

import (
	"fmt"

	"filippo.io/age"

	"github.com/attestlog/attestlog/prover/statement"
)

// SealTo is Seal for recipients in the form that provers register them in: "age1…", X25519.
func SealTo(of statement.Witness, recipients ...string) ([]byte, error) {
	to := make([]age.Recipient, len(recipients))
	for i, text := range recipients {
		recipient, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fmt.Errorf("couldn't seal the witness to %q: %w", text, err)
		}
		to[i] = recipient
	}
	return Seal(of, to...)
}
