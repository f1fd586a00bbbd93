package model

import (
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// What the files of a disclosure say they are.
const (
	DisclosedConfigurationFormat = "attestlog-disclosed-configuration/v1"
	DisclosedWeightsFormat       = "attestlog-disclosed-weights/v1"
)

type configurationFile struct {
	Format   string    `json:"format"`
	Salt     salt      `json:"salt"`
	Settings []setting `json:"settings"`
}

type setting struct {
	Key   string `json:"key"`
	Value int64  `json:"value"`
}

// EncodeConfiguration writes a configuration with its salt: what an auditor compares with the claims.
func EncodeConfiguration(c *statement.Configuration) ([]byte, error) {
	f := configurationFile{DisclosedConfigurationFormat, salt(c.Salt), []setting{}}
	for _, s := range c.Settings {
		f.Settings = append(f.Settings, setting{s.Key, s.Value})
	}
	return encode(f)
}

// DecodeConfiguration reads a configuration with its salt.
func DecodeConfiguration(b []byte) (*statement.Configuration, error) {
	var f configurationFile
	if err := decode(b, &f); err != nil || f.Format != DisclosedConfigurationFormat {
		return nil, fmt.Errorf("not a disclosed configuration: want an object with format %q, salt and settings", DisclosedConfigurationFormat)
	}
	var settings []statement.Setting
	for _, s := range f.Settings {
		settings = append(settings, statement.Setting{Key: s.Key, Value: s.Value})
	}
	c, err := statement.NewConfiguration(table.Salt(f.Salt), settings...)
	if err != nil {
		return nil, fmt.Errorf("not a disclosed configuration: %w", err)
	}
	return &c, canonical(func() ([]byte, error) { return EncodeConfiguration(&c) }, b)
}

// Withheld says which model an event is about that withholds the run.
type Withheld struct {
	Weights event.Element // the commitment, as a training step's claims state it
	Salt    table.Salt    // with which the event hides it
}

type weightsFile struct {
	Format  string        `json:"format"`
	Weights event.Element `json:"weights"`
	Salt    salt          `json:"salt"`
}

// Encode writes what discloses the model.
func (w *Withheld) Encode() ([]byte, error) {
	return encode(weightsFile{DisclosedWeightsFormat, w.Weights, salt(w.Salt)})
}

// DecodeWithheld reads what discloses a model.
func DecodeWithheld(b []byte) (*Withheld, error) {
	var f weightsFile
	if err := decode(b, &f); err != nil || f.Format != DisclosedWeightsFormat {
		return nil, fmt.Errorf("not disclosed weights: want an object with format %q, weights and salt", DisclosedWeightsFormat)
	}
	w := &Withheld{f.Weights, table.Salt(f.Salt)}
	if w.Salt == (table.Salt{}) {
		return nil, fmt.Errorf("not disclosed weights: %w", statement.ErrNotHidden)
	}
	return w, canonical(w.Encode, b)
}

// ErrAnother says that what is disclosed is not what an event's claims commit to.
var ErrAnother = errors.New("the claims commit to something else")

// Check holds a disclosure, a file of this package in any of the formats that open a commitment, against the claims of an event. It
// returns what was shown, without any secret, or an error that wraps [ErrAnother].
func Check(b []byte, claims event.Claims) (shown string, err error) {
	var f struct {
		Format string `json:"format"`
	}
	if err := decode(b, &f); err != nil {
		return "", errors.New("not a disclosure: it is no JSON object with a format")
	}
	switch f.Format {
	case DisclosedConfigurationFormat:
		return checkConfiguration(b, claims)
	case DisclosedWeightsFormat:
		return checkWithheld(b, claims)
	case Format:
		return checkModel(b, claims)
	case ReleasesFormat:
		return checkReleases(b, claims)
	}
	return "", errors.New("not a disclosure that can be checked: want a configuration's, weights, a model or releases")
}

func checkConfiguration(b []byte, claims event.Claims) (string, error) {
	c, err := DecodeConfiguration(b)
	if err != nil {
		return "", err
	}
	version, ok := claims.(*event.ModelVersionClaims)
	if !ok {
		return "", wrongKind("a configuration", claims)
	}
	if c.Commit() != version.Configuration {
		return "", fmt.Errorf("this is not the configuration: %w", ErrAnother)
	}
	return fmt.Sprintf("the configuration is the one that the claims commit to: %d settings", len(c.Settings)), nil
}

func checkWithheld(b []byte, claims event.Claims) (string, error) {
	w, err := DecodeWithheld(b)
	if err != nil {
		return "", err
	}
	version, ok := claims.(*event.ModelVersionClaims)
	if !ok || !version.Run.IsZero() {
		return "", fmt.Errorf("weights with a salt are disclosed for a model version that withholds its run: %w", ErrAnother)
	}
	served, err := statement.ServedWeights(w.Weights, w.Salt)
	if err != nil {
		return "", err
	}
	if served != version.Weights {
		return "", fmt.Errorf("this is not the model: %w", ErrAnother)
	}
	return fmt.Sprintf("the served model has the weights %s: look for the training step that ended with them", w.Weights), nil
}

func checkModel(b []byte, claims event.Claims) (string, error) {
	m, err := Decode(b)
	if err != nil {
		return "", err
	}
	var stated event.Element
	what := ""
	switch c := claims.(type) {
	case *event.TrainingRunClaims:
		stated, what = c.Weights, "with which the run begins"
	case *event.TrainingStepClaims:
		stated, what = c.After, "with which the step ends"
	case *event.ModelVersionClaims:
		if c.Run.IsZero() {
			return "", fmt.Errorf("the event withholds the run, and takes the file with the salt as well: %w", ErrAnother)
		}
		stated, what = c.Weights, "that are served"
	default:
		return "", wrongKind("a model", claims)
	}
	if m.Weights.Commit() != stated {
		return "", fmt.Errorf("these are not the weights %s: %w", what, ErrAnother)
	}
	return "the weights in the file are those " + what, nil
}

func checkReleases(b []byte, claims event.Claims) (string, error) {
	list, approval, err := DecodeReleases(b)
	if err != nil {
		return "", err
	}
	c, ok := claims.(*event.ApprovalClaims)
	if !ok {
		return "", wrongKind("a list of releases", claims)
	}
	if approval.Claims().Releases != c.Releases {
		return "", fmt.Errorf("these are not the releases: %w", ErrAnother)
	}
	return fmt.Sprintf("the releases are those that were approved: %d", len(list)), nil
}

func wrongKind(what string, claims event.Claims) error {
	return fmt.Errorf("%s says nothing about an event of kind %s: %w", what, claims.Kind(), ErrAnother)
}
