package event

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// Kind says what an event is about. The numbers are stored in databases: never reuse one.
type Kind uint8

// The closed table of kinds. A kind's claims, and what they mean, are in the file of its name.
const (
	DataAccess    Kind = 1  // a service read records of a data set
	Anonymization Kind = 2  // a data set was generalized into another one
	TrainingStep  Kind = 3  // a model's weights took one step
	ModelVersion  Kind = 4  // a model version is served
	Dataset       Kind = 5  // a controller commits to a data set
	TrainingRun   Kind = 6  // a training run starts: data, first weights, hyperparameters
	Approval      Kind = 7  // releases are approved
	Source        Kind = 8  // a source's key is registered, rotated or revoked
	Statement     Kind = 9  // a statement's keys are registered, or it is revoked
	Attestation   Kind = 10 // a proof that came later, or its refusal
	Seal          Kind = 11 // a chunk of the log satisfies a policy
	Policy        Kind = 12 // a policy over ranges of the log
	Erasure       Kind = 13 // off-log data of an event was erased
	Custom        Kind = 14 // values that a statement of somebody's own circuit gives a meaning
)

// Claims is what an event of one kind says. The set is closed: exactly the types named *…Claims in this package, each of one Kind.
type Claims interface {
	Kind() Kind
	members(*canon.Object)
}

// rule is a row of the table of kinds.
type rule struct {
	name     string
	provable bool // its events may carry a proof; those of other kinds say proof: none
	claims   func() Claims
}

// rules is the table of kinds; it is never written to.
var rules = [...]rule{
	DataAccess:    {"data-access", true, func() Claims { return new(DataAccessClaims) }},
	Anonymization: {"anonymization", true, func() Claims { return new(AnonymizationClaims) }},
	TrainingStep:  {"training-step", true, func() Claims { return new(TrainingStepClaims) }},
	ModelVersion:  {"model-version", true, func() Claims { return new(ModelVersionClaims) }},
	Dataset:       {"dataset", false, func() Claims { return new(DatasetClaims) }},
	TrainingRun:   {"training-run", false, func() Claims { return new(TrainingRunClaims) }},
	Approval:      {"approval", false, func() Claims { return new(ApprovalClaims) }},
	Source:        {"source", false, func() Claims { return new(SourceClaims) }},
	Statement:     {"statement", false, func() Claims { return new(StatementClaims) }},
	Attestation:   {"attestation", false, func() Claims { return new(AttestationClaims) }},
	Seal:          {"seal", true, func() Claims { return new(SealClaims) }},
	Policy:        {"policy", false, func() Claims { return new(PolicyClaims) }},
	Erasure:       {"erasure", false, func() Claims { return new(ErasureClaims) }},
	Custom:        {"custom", true, func() Claims { return new(CustomClaims) }},
}

// Kinds lists every kind, in the order of their numbers.
func Kinds() []Kind {
	var all []Kind
	for k := range rules {
		if rules[k].name != "" {
			all = append(all, Kind(k))
		}
	}
	return all
}

// ParseKind finds a kind by its name, such as "data-access".
func ParseKind(name string) (Kind, error) {
	for _, k := range Kinds() {
		if rules[k].name == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%q is no kind of event; the kinds are %s", canon.Clip(name), strings.Join(kindNames(), ", "))
}

// String is the kind's name, such as "data-access".
func (k Kind) String() string {
	if !k.known() {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return rules[k].name
}

// Provable tells whether an event of this kind may carry a proof.
func (k Kind) Provable() bool { return k.known() && rules[k].provable }

// NewClaims returns empty claims of this kind.
func (k Kind) NewClaims() Claims { return rules[k].claims() }

func (k Kind) known() bool { return int(k) < len(rules) && rules[k].name != "" }

// predicateType is the in-toto predicate type of the kind.
func (k Kind) predicateType() string { return predicateTypes[k] }

// predicateTypes has each kind's name with a version, made once; it is never written to.
var predicateTypes = func() (types [len(rules)]string) {
	for _, k := range Kinds() {
		types[k] = typeBase + rules[k].name + "/v1"
	}
	return types
}()

const typeBase = "https://github.com/attestlog/attestlog/"

func kindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.String())
	}
	return names
}
