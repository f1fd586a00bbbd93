package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/consensys/gnark"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// File is what a manifest says of a file: SHA-256 and length in bytes.
type File struct {
	SHA256 event.Digest `json:"sha256"`
	Size   int64        `json:"size"`
}

// Manifest describes the keys in one directory of a [Store]. It is trusted no
// further than the directory's name, which is the verifying key's digest: the
// files are checked against it before use.
type Manifest struct {
	Statement        string      `json:"statement"` // its name, such as "data-access-64"
	Setup            event.Setup `json:"setup"`
	Created          time.Time   `json:"created"` // when the keys were put in this store
	Gnark            string      `json:"gnark"`   // version that wrote the files
	Constraints      int         `json:"constraints"`
	PublicInputs     int         `json:"publicInputs"`
	ConstraintSystem File        `json:"constraintSystem"` // constraints.bin
	ProvingKey       File        `json:"provingKey"`       // proving.key, as gnark's WriteDump writes it
	VerifyingKey     File        `json:"verifyingKey"`     // verifying.key, see prover/zkverify/SPEC.md
	// Transcript is the SHA-256 of the ceremony's transcript; zero for a one-party set-up.
	Transcript event.Digest `json:"transcript,omitzero"`
}

// Digest is the verifying key's digest: the statement's identity.
func (m *Manifest) Digest() event.Digest { return m.VerifyingKey.SHA256 }

// Trust is a word on the set-up to be shown beside the statement's name.
func (m *Manifest) Trust() string {
	if m.Setup == event.SetupCeremony {
		return "ceremony"
	}
	return "UNTRUSTED one-party set-up"
}

const maxManifestSize = 64 << 10

func newManifest(name string, setup event.Setup, transcript event.Digest, k *Keys, now time.Time) *Manifest {
	return &Manifest{
		Statement:    name,
		Setup:        setup,
		Transcript:   transcript,
		Created:      now.UTC().Truncate(time.Millisecond),
		Gnark:        gnark.Version.String(),
		Constraints:  k.ConstraintSystem.GetNbConstraints(),
		PublicInputs: k.VerifyingKey.NumPublic(),
		VerifyingKey: File{k.VerifyingKey.Digest(), int64(len(k.VerifyingKey.Bytes()))},
	}
}

func (m *Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't encode manifest: %w", err)
	}
	return append(b, '\n'), nil
}

func parseManifest(b []byte) (*Manifest, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := &Manifest{}
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("couldn't parse manifest: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("couldn't parse manifest: something follows it")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	switch {
	case m.Statement == "" || len(m.Statement) > 64:
		return errors.New("a statement's name has 1 to 64 bytes")
	case m.Setup != event.SetupOneParty && m.Setup != event.SetupCeremony:
		return fmt.Errorf("unknown set-up %q", m.Setup)
	case (m.Setup == event.SetupCeremony) == m.Transcript.IsZero():
		return errors.New("a ceremony has a transcript, a one-party set-up has none")
	case m.VerifyingKey.Size < 1 || m.VerifyingKey.Size > int64(zkverify.MaxVerifyingKeySize):
		return fmt.Errorf("a verifying key can't have %d bytes", m.VerifyingKey.Size)
	case m.ProvingKey.Size < 1 || m.ProvingKey.Size > MaxProvingKeySize:
		return fmt.Errorf("a proving key can't have %d bytes", m.ProvingKey.Size)
	case m.ConstraintSystem.Size < 1 || m.ConstraintSystem.Size > MaxProvingKeySize:
		return fmt.Errorf("a constraint system can't have %d bytes", m.ConstraintSystem.Size)
	}
	return nil
}
