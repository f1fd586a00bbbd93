// Package model keeps what a model's owner knows of it in files: weights with the salt that hides them in the log, the releases that
// were approved with theirs, and what is disclosed of a served model when somebody has the right to ask.
//
//	attestlog-model/v1                    weights and salt, after one step of a training run
//	attestlog-releases/v1                 which models an approval is about, with a salt for each
//	attestlog-configuration/v1            the settings that a model is served under, written by a person (YAML)
//	attestlog-disclosed-configuration/v1  those settings with the salt of their commitment
//	attestlog-disclosed-weights/v1        which model an event with a withheld run is about, with the salt
//
// All but the third are JSON in one form only: what a reader accepts is to the byte what its writer writes. Errors quote no secret.
package model

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// MaxFile bounds each of the files, in bytes: 1,024 releases have 150 KiB.
const MaxFile = 512 << 10

// Format is what a file of weights says it is.
const Format = "attestlog-model/v1"

// Model is a model's weights as one step of a run left them.
type Model struct {
	Run     event.Digest // the event of the run; zero of a run's first weights, which are there before it is
	Step    int64        // from 1; 0 of first weights
	Weights statement.SaltedWeights
}

type modelFile struct {
	Format  string            `json:"format"`
	Run     string            `json:"run,omitempty"`
	Step    int64             `json:"step"`
	Salt    salt              `json:"salt"`
	Weights statement.Weights `json:"weights"` // the intercept, then one for each column, in 2^-16
}

// Encode writes the model, for a file that only its owner can read.
func (m *Model) Encode() ([]byte, error) {
	f := modelFile{Format: Format, Step: m.Step, Salt: salt(m.Weights.Salt), Weights: m.Weights.Weights}
	if !m.Run.IsZero() {
		f.Run = m.Run.String()
	}
	return encode(f)
}

// Decode reads a model.
func Decode(b []byte) (*Model, error) {
	var f modelFile
	if err := decode(b, &f); err != nil || f.Format != Format {
		return nil, fmt.Errorf("not a model: want an object with format %q, run, step, salt and %d weights", Format, statement.TrainingWeights)
	}
	m := &Model{Step: f.Step, Weights: statement.SaltedWeights{Weights: f.Weights, Salt: table.Salt(f.Salt)}}
	if f.Run != "" {
		run, err := event.ParseDigest(f.Run)
		if err != nil {
			return nil, fmt.Errorf("not a model: run: %w", err)
		}
		m.Run = run
	}
	if m.Step < 0 || m.Run.IsZero() != (m.Step == 0) {
		return nil, errors.New("not a model: weights after a step name their run, and first weights don't")
	}
	if m.Weights.Salt == (table.Salt{}) {
		return nil, fmt.Errorf("not a model: %w", statement.ErrNotHidden)
	}
	return m, canonical(m.Encode, b)
}

// ReleasesFormat is what a file of releases says it is.
const ReleasesFormat = "attestlog-releases/v1"

type releasesFile struct {
	Format   string    `json:"format"`
	Releases []release `json:"releases"`
}

type release struct {
	Weights event.Element `json:"weights"` // the commitment
	Salt    salt          `json:"salt"`
}

// EncodeReleases writes what an approval is about, for a file that only its owner can read.
func EncodeReleases(list []statement.ModelRelease) ([]byte, error) {
	f := releasesFile{Format: ReleasesFormat, Releases: []release{}}
	for _, r := range list {
		f.Releases = append(f.Releases, release{r.Weights, salt(r.Salt)})
	}
	return encode(f)
}

// DecodeReleases reads what an approval is about, and builds its tree.
func DecodeReleases(b []byte) ([]statement.ModelRelease, *statement.Approval, error) {
	var f releasesFile
	if err := decode(b, &f); err != nil || f.Format != ReleasesFormat {
		return nil, nil, fmt.Errorf("not a list of releases: want an object with format %q and releases, each with weights and salt", ReleasesFormat)
	}
	list := make([]statement.ModelRelease, len(f.Releases))
	for i, r := range f.Releases {
		list[i] = statement.ModelRelease{Weights: r.Weights, Salt: table.Salt(r.Salt)}
	}
	approval, err := statement.Approve(list)
	if err != nil {
		return nil, nil, fmt.Errorf("not a list of releases: %w", err)
	}
	return list, approval, canonical(func() ([]byte, error) { return EncodeReleases(list) }, b)
}

// salt is 128 random bits in hex.
type salt table.Salt

func (s salt) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

func (s *salt) UnmarshalText(b []byte) error {
	if len(b) != 2*len(s) {
		return fmt.Errorf("a salt has %d bytes in hex", len(s))
	}
	if _, err := hex.Decode(s[:], b); err != nil {
		return errors.New("a salt is written in hex") // the library's error quotes a byte
	}
	return nil
}

func encode(f any) ([]byte, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("couldn't write the file: %w", err)
	}
	return append(b, '\n'), nil
}

func decode(b []byte, f any) error {
	if len(b) > MaxFile {
		return fmt.Errorf("it has more than %d bytes", MaxFile)
	}
	return json.Unmarshal(b, f)
}

// canonical makes sure that a file was written by this package: no member unknown or twice, nothing behind it.
func canonical(again func() ([]byte, error), b []byte) error {
	written, err := again()
	if err != nil {
		return err
	}
	if !bytes.Equal(written, b) {
		return errors.New("the file was changed: it is not as this program writes it")
	}
	return nil
}
