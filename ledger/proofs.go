package ledger

import (
	"errors"
	"fmt"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// verifyingKeys keeps parsed verifying keys by their digests: parsing one checks its points and computes tables. Safe for concurrent use.
type verifyingKeys struct {
	mu    sync.Mutex
	known map[event.Digest]*zkverify.VerifyingKey
}

// get parses a key, or finds it parsed. Only keys of registered statements come here, so their number is the operator's choice.
func (k *verifyingKeys) get(id event.Digest, encoded []byte) (*zkverify.VerifyingKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if vk := k.known[id]; vk != nil {
		return vk, nil
	}
	vk, err := zkverify.ParseVerifyingKey(encoded)
	if err != nil {
		return nil, err
	}
	k.known[id] = vk
	return vk, nil
}

// judgeProofMode holds what came along against what the payload says about a proof.
func judgeProofMode(registry *verify.Registry, c *candidate) *Refusal {
	mode := c.event.Proof
	if err := verify.JudgeProofMode(mode, c.sub.Proof); err != nil {
		return refuseViolation(err)
	}
	switch {
	case mode != event.ProofDeferred && len(c.sub.Witness) > 0:
		return &Refusal{Code: WitnessUnwanted, Detail: fmt.Sprintf("a witness came along, and the payload says proof: %s; only an event that says deferred has one", mode)}
	case mode == event.ProofDeferred:
		return judgeDeferral(registry, c)
	}
	return nil
}

// proofItem puts together what a proof of an event is checked against. Every public input is derived from the signed
// payload and from the events that it refers to.
func (k *verifyingKeys) proofItem(registry *verify.Registry, c *candidate, proof []byte) (zkverify.Item, *Refusal) {
	registered, ok := registry.Statement(c.event.Statement)
	if !ok {
		return zkverify.Item{}, &Refusal{Code: UnknownStatement, Detail: fmt.Sprintf("no statement %s is registered with this log", c.event.Statement)}
	}
	s, err := statement.Registered(registered.Claims)
	if err != nil {
		return zkverify.Item{}, &Refusal{Code: UnknownStatement, Detail: err.Error()}
	}
	public, err := s.Public(c.event, c.digest, c)
	if err != nil {
		refusal := &Refusal{Code: ClaimsOutOfRange, Detail: err.Error()}
		var outside *statement.RangeError
		if errors.As(err, &outside) {
			refusal.Check = outside.Member
		}
		return zkverify.Item{}, refusal
	}
	vk, err := k.get(registered.ID, registered.Claims.VerifyingKey)
	if err != nil {
		return zkverify.Item{}, &Refusal{Code: UnknownStatement, Detail: fmt.Sprintf("the verifying key of statement %s can't be used: %v", registered.ID, err)}
	}
	return zkverify.Item{VK: vk, Proof: proof, Public: public}, nil
}

// refuseProof says why a proof was not accepted.
func refuseProof(err error) *Refusal {
	r := &Refusal{Code: ProofInvalid, Check: "encoding", Detail: "the proof is not well-formed: " + err.Error()}
	switch {
	case errors.Is(err, zkverify.ErrInvalid):
		r.Check = "groth16"
		r.Detail = "the proof does not prove these claims of this event: it was made for another event, other claims, or another statement"
	case errors.Is(err, zkverify.ErrKnowledge):
		r.Check = "commitment"
		r.Detail = "the proof of knowledge of the proof's commitment fails"
	}
	return r
}
