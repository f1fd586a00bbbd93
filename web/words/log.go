package words

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

func source(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.SourceClaims)
	facts := []Fact{{Name: "Source", Values: []Value{{Source: c.Source}}}, keyFact("Key", c.Key)}
	switch c.Action {
	case event.SourceRegister:
		facts = append(facts, plain("Role", string(c.Role)))
		if len(c.Recovery) > 0 {
			facts = append(facts, keyFact("Recovery key", c.Recovery))
		}
		if c.Recipient != "" {
			facts = append(facts, text("Takes witnesses sealed to", c.Recipient))
		}
		return c.Source + " registered", fmt.Sprintf("The operator registers the source %s, %s. The holder of its key consents by a signature of that key.", c.Source, roleWords(c.Role)), facts
	case event.SourceRotate:
		if e.Source == c.Source {
			return c.Source + " changes its key", fmt.Sprintf("The source %s replaces its key, by its outgoing key or its recovery key: its history goes on without a break.", c.Source), facts
		}
		return c.Source + " gets another key", fmt.Sprintf("The operator alone replaces the key of %s. That is a break: the old key didn’t agree, so that nothing but the operator’s word ties what follows to what came before.", c.Source), facts
	}
	if c.From > 0 {
		facts = append(facts, entry("In doubt from entry", c.From))
		return c.Source + " loses its key", fmt.Sprintf("A key of the source %s is revoked. What it signed from entry %s on is in doubt.", c.Source, Number(c.From)), facts
	}
	return c.Source + " loses its key", fmt.Sprintf("A key of the source %s is revoked. What it signed before stands.", c.Source), facts
}

func keyFact(name string, key []byte) Fact {
	return Fact{Name: name, Note: "Ed25519; its SHA-256 is " + event.KeyID(ed25519.PublicKey(key)).String()[:16] + "…", Values: []Value{{Hash: hex.EncodeToString(key)}}}
}

// roleWords says what a source of a role does.
func roleWords(r event.SourceRole) string {
	switch r {
	case event.RoleOperator:
		return "which operates the log"
	case event.RoleController:
		return "which answers for data"
	case event.RoleService:
		return "which reports what it does"
	case event.RoleProver:
		return "which proves what others deferred"
	}
	return string(r)
}

func registeredStatement(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.StatementClaims)
	if c.Action == event.StatementRevoke {
		facts := []Fact{{Name: "Statement", Values: []Value{{Statement: c.Statement}}}}
		if c.From > 0 {
			return "A statement is revoked", fmt.Sprintf("The operator revokes a statement: nothing more is proven under it, and what was proven from entry %s on is in doubt.", Number(c.From)),
				append(facts, entry("In doubt from entry", c.From))
		}
		return "A statement is revoked", "The operator revokes a statement: nothing more is proven under it. What was proven before stands.", facts
	}
	id := verify.StatementID(c.VerifyingKey)
	facts := []Fact{text("Name", c.Name), {Name: "Statement", Values: []Value{{Statement: id}}}, plain("Proves events of kind", Kind(c.Proves)), plain("Keys", verify.SetupWords(c.Setup))}
	if !c.Transcript.IsZero() {
		facts = append(facts, hash("Transcript of the ceremony", c.Transcript, "SHA-256"))
	}
	if c.Setup == event.SetupImported {
		inputs := Fact{Name: "Values"}
		for _, in := range c.Inputs {
			inputs.Values = append(inputs.Values, Value{Text: fmt.Sprintf("%s (%s)", in.Name, in.Type)})
		}
		facts = append(facts, text("Shows, says who imported it", c.Shows), texts("Doesn’t show", c.NotShown), inputs)
		return "Statement " + Name(c.Name) + " imported", fmt.Sprintf("The operator imports the statement %s: a circuit of somebody’s own, whose meaning is the importer’s word.", Name(c.Name)), facts
	}
	facts = append(facts, number("Constraints", c.Constraints), hash("Constraint system", c.ConstraintSystem, "SHA-256"), hash("Proving key", c.ProvingKey, "SHA-256"),
		plain("Size of the proving key", Count(c.ProvingKeySize, "byte")))
	return "Statement " + Name(c.Name) + " registered", fmt.Sprintf("The operator registers the statement %s: from here on events of the kind %s can be proven under it.", Name(c.Name), Kind(c.Proves)), facts
}

func seal(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.SealClaims)
	first, last := c.Chunk*1024, c.Chunk*1024+1023
	counts := Fact{Name: "Entries by kind"}
	for i, n := range c.Counts {
		if n > 0 {
			counts.Values = append(counts.Values, Value{Plain: fmt.Sprintf("%s: %s", Kind(event.Kind(i+1)), Number(n))})
		}
	}
	return fmt.Sprintf("Entries %s to %s sealed", Number(first), Number(last)),
		fmt.Sprintf("The source declares that each of the entries %s to %s satisfies the policy %s.", Number(first), Number(last), named(at, c.Policy, "that it names")),
		[]Fact{refers("Policy", c.Policy), entry("First entry", first), entry("Last entry", last), counts, hash("Root of the chunk", c.Root, "a function of its leaves alone")}
}

func policy(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.PolicyClaims)
	rules := Fact{Name: "Each entry satisfies"}
	for _, r := range c.Rules {
		rules.Values = append(rules.Values, Value{Text: Predicate(r)})
	}
	return fmt.Sprintf("Policy %s", Name(c.Name)),
		fmt.Sprintf("The source sets the policy %s, which ranges of the log can be shown to keep to.", Name(c.Name)),
		[]Fact{text("Name", c.Name), text("What it demands", c.Description), rules}
}

func attestation(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.AttestationClaims)
	of := "an event"
	if to := at(c.Event); to != nil {
		of = fmt.Sprintf("an event about %s by %s", Name(to.Subject.Name), to.Source)
	}
	facts := []Fact{refers("Event", c.Event)}
	if c.Outcome == event.OutcomeProven {
		return "A proof that came later", fmt.Sprintf("The prover adds the proof that %s had deferred.", of),
			append(facts, plain("Outcome", "proven"), Fact{Name: "Proof", Note: Count(len(c.Proof), "byte"), Values: []Value{{Hash: hex.EncodeToString(c.Proof)}}})
	}
	return "No proof: " + c.Reason, fmt.Sprintf("The prover says that there is no proof of %s, because %s.", of, verify.RefusalWords(c.Reason)),
		append(facts, plain("Outcome", "refused"), plain("Reason", verify.RefusalWords(c.Reason)))
}
