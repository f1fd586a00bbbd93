package verify

import "fmt"

// Rule names a rule of the log. The API's problem types bear the same names.
type Rule string

const (
	RuleWrongLog         Rule = "wrong-log"           // the event is meant for another log
	RuleUnknownSource    Rule = "unknown-source"      // nobody of that name is registered
	RuleRevokedKey       Rule = "revoked-key"         // the key was the source's, and is no longer
	RuleWrongKey         Rule = "wrong-key"           // the key never was the source's
	RuleSignature        Rule = "bad-signature"       // the signature does not verify
	RuleNotPermitted     Rule = "not-permitted"       // the source's role does not allow it
	RuleSequenceGap      Rule = "sequence-gap"        // the number is not the next one
	RuleSequenceFork     Rule = "sequence-fork"       // the number is taken by another event, or prev names another one
	RuleClaims           Rule = "claims-out-of-range" // the claims contradict the log
	RuleReference        Rule = "unknown-reference"   // the claims refer to an entry that is not there
	RuleUnknownStatement Rule = "unknown-statement"   // no such statement is registered for this kind
	RuleRevokedStatement Rule = "revoked-statement"   // the statement was revoked
	RuleProofMissing     Rule = "proof-missing"       // the payload says inline, and there is no proof
	RuleProofUnexpected  Rule = "proof-unexpected"    // there is a proof, and the payload doesn't say inline
	RuleAttested         Rule = "already-attested"    // the event has an attestation that leaves no room for this one
)

// Violation says which rule an entry breaks, and how.
type Violation struct {
	Rule   Rule
	Detail string
	Check  string // which check of that rule, mostly the member of the claims that it is about; empty where the rule says it all
	// Expected is what a source's next event must be; set for RuleSequenceGap and RuleSequenceFork.
	Expected *Chain
}

func (v *Violation) Error() string { return string(v.Rule) + ": " + v.Detail }

func violates(rule Rule, format string, args ...any) *Violation {
	return &Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

func (v *Violation) checking(what string) *Violation {
	v.Check = what
	return v
}
