package event

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// SourceAction is what a source event does to a source's key.
type SourceAction string

const (
	// SourceRegister introduces a source: signed by the operator, with the consent of the new key.
	SourceRegister SourceAction = "register"
	// SourceRotate replaces a source's key, with the consent of the new one. Signed by the outgoing key or the recovery key the
	// source's history goes on; signed by the operator it breaks, and a new epoch begins.
	SourceRotate SourceAction = "rotate"
	// SourceRevoke ends a key; with From, its events since that index are in doubt.
	SourceRevoke SourceAction = "revoke"
)

// SourceRole is what a source is registered to do.
type SourceRole string

const (
	RoleOperator   SourceRole = "operator"   // runs the log: registers sources and statements
	RoleController SourceRole = "controller" // answers for data: commits to data sets
	RoleService    SourceRole = "service"    // reports what it does
	RoleProver     SourceRole = "prover"     // attests proofs for others
)

// SourceClaims register, rotate or revoke the key of a source.
type SourceClaims struct {
	Action  SourceAction
	Consent []byte // register, rotate: signature of ConsentMessage by Key
	From    int64  // revoke: the index of the first event in doubt; 0 (absent) if none is
	Key     []byte // the Ed25519 public key that comes (register, rotate) or goes (revoke)
	// Recipient is for registrations of provers: the age recipient to which witnesses are sealed for it; empty (absent) if it takes none.
	// It stays as long as the source does: a prover whose identity is lost or known is revoked, and another one registered.
	Recipient string
	Recovery  []byte // register: a key that may rotate too, kept offline; may be absent
	Role      SourceRole
	Source    string // whose key: "name/instance"
}

func (*SourceClaims) Kind() Kind { return Source }

func (c *SourceClaims) members(o *canon.Object) {
	o.Word("action", (*string)(&c.Action), string(SourceRegister), string(SourceRevoke), string(SourceRotate))
	if c.Action != SourceRevoke {
		o.Bytes("consent", &c.Consent, ed25519.SignatureSize, ed25519.SignatureSize)
	}
	if c.Action == SourceRevoke {
		describeFrom(o, &c.From)
	}
	o.Bytes("key", &c.Key, ed25519.PublicKeySize, ed25519.PublicKeySize)
	if c.Action == SourceRegister {
		if o.Has("recipient", c.Recipient != "") {
			o.Text("recipient", &c.Recipient, recipientSize, recipientSize)
			check(o, "recipient", CheckRecipient, c.Recipient)
		}
		if o.Has("recovery", len(c.Recovery) > 0) {
			o.Bytes("recovery", &c.Recovery, ed25519.PublicKeySize, ed25519.PublicKeySize)
		}
		o.Word("role", (*string)(&c.Role), string(RoleController), string(RoleOperator), string(RoleProver), string(RoleService))
		if o.Err() == nil && c.Recipient != "" && c.Role != RoleProver {
			o.Fail("recipient", "only a prover is sealed to: a source of role %s has no recipient", c.Role)
		}
	}
	o.Text("source", &c.Source, 3, 129)
	check(o, "source", CheckSource, c.Source)
}

// describeFrom describes the optional index from which a revocation puts events in doubt; 0 stands for its absence, because
// entry 0 is the operator's own registration.
func describeFrom(o *canon.Object, from *int64) {
	if o.Has("from", *from != 0) {
		o.Int("from", from, 1, canon.MaxInt)
	}
}

// ConsentMessage is what the holder of a new key signs with it, so that nobody registers a key that is not his to use, for
// another log, for another source, or beside what is not his: whoever has the recovery key can replace the key without a
// break in the source's history, and whoever has the recipient's identity reads what is sealed to the prover. recovery is nil and
// recipient empty where none is named, and in rotations.
func ConsentMessage(origin, source string, key, recovery ed25519.PublicKey, recipient string) []byte {
	message := fmt.Appendf(nil, "attestlog/consent/v1\n%s\n%s\n%s\n", origin, source, hex.EncodeToString(key))
	if len(recovery) > 0 {
		message = fmt.Appendf(message, "%s\n", hex.EncodeToString(recovery))
	}
	if recipient != "" {
		message = fmt.Appendf(message, "recipient %s\n", recipient)
	}
	return message
}

// StatementAction is what a statement event does.
type StatementAction string

const (
	StatementRegister StatementAction = "register"
	StatementRevoke   StatementAction = "revoke"
)

// Setup is how a statement's keys came to be.
type Setup string

const (
	SetupOneParty Setup = "one-party" // UNTRUSTED: whoever ran it could forge proofs
	SetupCeremony Setup = "ceremony"  // sound as long as one contributor was honest
	SetupImported Setup = "imported"  // UNTRUSTED: a key that somebody made elsewhere, of which nothing is known
)

// StatementClaims register the keys under which one class of one circuit is proven, or revoke them.
// A statement's identity, everywhere, is the SHA-256 of its verifying key.
//
// A statement about events of kind Custom was imported: of somebody's own circuit there is a verifying key, and the importer's word
// for what its public inputs are and what a proof shows. All others are of circuits that attestlog itself has.
type StatementClaims struct {
	Action StatementAction

	// Registering:
	Proves       Kind   // the kind of events that it proves
	Name         string // such as "data-access-64"
	Setup        Setup  // SetupImported iff Proves is Custom
	Transcript   Digest // SHA-256 of the ceremony's; zero for a one-party set-up; of an imported key optional, and nobody's word but the importer's
	VerifyingKey []byte // prover/zkverify/SPEC.md

	// Registering keys of a circuit of attestlog's:
	ConstraintSystem Digest // SHA-256 of gnark's constraint system: what is proven
	Constraints      int64
	ProvingKey       Digest // SHA-256 of the proving key's dump
	ProvingKeySize   int64  // bytes

	// Importing:
	Inputs   []Input  // the public inputs after ctx
	Shows    string   // what a proof shows
	NotShown []string // what it doesn't show

	// Revoking:
	From      int64 // the index of the first event in doubt; 0 (absent) if none is
	Statement Digest
}

func (*StatementClaims) Kind() Kind { return Statement }

// Subject is what an event that registers the keys is about: the statement, under its identity. Unless a ceremony made the keys, its name carries the word
// UNTRUSTED, so that it stands in the entry itself and wherever entries are listed.
func (c *StatementClaims) Subject() Subject {
	s := Subject{Name: c.Name, Digest: DigestOf(c.VerifyingKey)}
	switch c.Setup {
	case SetupOneParty:
		s.Name += ", UNTRUSTED: keys of a one-party set-up"
	case SetupImported:
		s.Name += ", UNTRUSTED: keys from elsewhere"
	}
	return s
}

func (c *StatementClaims) members(o *canon.Object) {
	o.Word("action", (*string)(&c.Action), string(StatementRegister), string(StatementRevoke))
	if c.Action == StatementRevoke {
		describeFrom(o, &c.From)
		o.Hex("statement", c.Statement[:])
		return
	}
	c.registration(o)
}

// registration describes what registers a statement. In canonical order the kind that it proves, and with it whether it was imported,
// stands behind members that only one sort of statements has; so their presence is noted, and judged at the end.
func (c *StatementClaims) registration(o *canon.Object) {
	imported := c.Proves == Custom
	system := o.Has("constraintSystem", !imported)
	if system {
		o.Hex("constraintSystem", c.ConstraintSystem[:])
		o.Int("constraints", &c.Constraints, 1, canon.MaxInt)
	}
	inputs := o.Has("inputs", imported)
	if inputs {
		describeInputs(o, &c.Inputs, (*Input).members, func(in *Input) (string, InputType) { return in.Name, in.Type })
	}
	o.Text("name", &c.Name, 1, 64)
	notShown := o.Has("notShown", imported)
	if notShown {
		texts(o, "notShown", &c.NotShown, 1, MaxNotShown, MaxShows)
	}
	describeKind(o, "proves", &c.Proves)
	provingKey := o.Has("provingKey", !imported)
	if provingKey {
		o.Hex("provingKey", c.ProvingKey[:])
		o.Int("provingKeySize", &c.ProvingKeySize, 1, canon.MaxInt)
	}
	o.Word("setup", (*string)(&c.Setup), string(SetupCeremony), string(SetupImported), string(SetupOneParty))
	shows := o.Has("shows", imported)
	if shows {
		o.Text("shows", &c.Shows, 1, MaxShows)
	}
	optional(o, "transcript", &c.Transcript)
	o.Bytes("verifyingKey", &c.VerifyingKey, 1, 16384)
	if imported = c.Proves == Custom; imported {
		check(o, "name", CheckStatementName, c.Name)
	}
	switch {
	case o.Err() != nil:
	case imported != (c.Setup == SetupImported):
		o.Fail("setup", "statements about events of kind %s are imported, and no others are", Custom)
	case imported && (system || provingKey):
		o.Fail("constraintSystem", "an imported statement has a verifying key and nothing more")
	case imported && !(inputs && notShown && shows):
		o.Fail("inputs", "an imported statement has inputs, notShown and shows")
	case !imported && (inputs || notShown || shows):
		o.Fail("inputs", "what a statement about events of kind %s is about, and what it shows, is known", c.Proves)
	case !imported && !(system && provingKey):
		o.Fail("constraintSystem", "a statement that isn't imported names its constraint system and its proving key")
	case !imported && (c.Setup == SetupCeremony) == c.Transcript.IsZero():
		o.Fail("transcript", "a ceremony has a transcript, a one-party set-up has none")
	}
}

func describeKind(o *canon.Object, name string, k *Kind) {
	text := ""
	if !o.Reading() {
		text = k.String()
	}
	o.Text(name, &text, 1, 64)
	if o.Err() != nil {
		return
	}
	kind, err := ParseKind(text)
	if err == nil && !kind.Provable() {
		err = fmt.Errorf("events of kind %s are never proven", kind)
	}
	if err != nil {
		o.Fail(name, "%s", err)
	}
	*k = kind
}

// Outcome is a proving worker's verdict on a deferred proof.
type Outcome string

const (
	OutcomeProven  Outcome = "proven"
	OutcomeRefused Outcome = "refused"
)

// ReasonStatementRevoked is the one reason for a refusal that is no prover's word: the log holds it against its own entries.
const ReasonStatementRevoked = "statement-revoked"

// RefusalReasons is the closed list of reasons for which a worker refuses to prove.
func RefusalReasons() []string {
	return []string{ReasonStatementRevoked, "undecryptable", "unsatisfied", "witness-malformed", "witness-mismatch"}
}

// AttestationClaims add the proof that an event deferred, or say why there will be none.
type AttestationClaims struct {
	Event   Digest // the attested event
	Outcome Outcome
	Proof   []byte // iff proven; its ctx is that of the attested event
	Reason  string // iff refused: one of RefusalReasons
}

func (*AttestationClaims) Kind() Kind { return Attestation }

func (c *AttestationClaims) members(o *canon.Object) {
	o.Hex("event", c.Event[:])
	o.Word("outcome", (*string)(&c.Outcome), string(OutcomeProven), string(OutcomeRefused))
	switch c.Outcome {
	case OutcomeProven:
		o.Bytes("proof", &c.Proof, 1, MaxProof)
	case OutcomeRefused:
		o.Word("reason", &c.Reason, RefusalReasons()...)
	}
}
