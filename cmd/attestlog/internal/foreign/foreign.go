// Package foreign has events proven by provers that attestlog doesn't have: those of circuits whose verifying keys a log imported. Such a prover
// is any program. It is given the public inputs, and what its owner's own file says in private, in the form of circom's tools; it writes
// a proof as snarkjs does; and the proof is verified here before anything is sent.
package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// MaxPrivate bounds a file of private inputs, in bytes.
const MaxPrivate = 64 << 20

// ErrProof says that a proof is none of the event's.
var ErrProof = errors.New("the proof does not verify for this event's public inputs: it was made of other inputs, or with the proving key of another circuit or set-up")

// Log is what is asked of a log.
type Log interface {
	// Statements lists the registered statements, the newest last.
	Statements(ctx context.Context) ([]*client.Statement, error)
	// Verify gathers and verifies the evidence about an entry.
	Verify(ctx context.Context, index int64) error
	// Resolver finds the events that claims refer to.
	Resolver(ctx context.Context) statement.TreeResolver
}

// Statement is one that a log imported, ready to prove and to verify under.
type Statement struct {
	statement.Statement
	ID  event.Digest
	log Log
	key *zkverify.VerifyingKey
}

// Find finds a statement that was imported and stands: by its digest or its name; or, where neither is given, the only one that takes
// the claims' values. It makes sure that the log's operator registered it.
func Find(ctx context.Context, log Log, named string, claims event.Claims) (*Statement, error) {
	custom, ok := claims.(*event.CustomClaims)
	if !ok {
		return nil, fmt.Errorf("there is no prover but attestlog's own for claims of kind %s; those under imported statements are of kind %s", claims.Kind(), event.Custom)
	}
	all, err := log.Statements(ctx)
	if err != nil {
		return nil, err
	}
	var found []*client.Statement
	var names []string
	for _, s := range all {
		if s.Claims.Proves != event.Custom || s.Status != "active" {
			continue
		}
		names = append(names, s.Claims.Name)
		if named == s.Claims.Name || named == s.Digest.String() || named == "" && suits(s.Claims.Inputs, custom.Inputs) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 1:
		return open(ctx, log, found[0])
	case len(found) > 1:
		return nil, errors.New("several statements take such values: say which one is meant with --statement")
	case len(names) == 0:
		return nil, errors.New("the log has no imported statement that stands: its operator imports one with attestlog statement import")
	case named != "":
		return nil, fmt.Errorf("the log has no imported statement %q that stands; those that do are %s", named, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("no imported statement takes such values: those that stand are %s", strings.Join(names, ", "))
}

func suits(inputs []event.Input, values []event.Value) bool {
	return slices.EqualFunc(inputs, values, func(in event.Input, v event.Value) bool { return in.Name == v.Name && in.Type == v.Type })
}

func open(ctx context.Context, log Log, s *client.Statement) (*Statement, error) {
	// The entry says what is proven: it must be the operator's, not just any.
	if err := log.Verify(ctx, s.Registration.Index); err != nil {
		return nil, fmt.Errorf("couldn't rely on the registration of %s: %w", s.Claims.Name, err)
	}
	registered, err := statement.Registered(s.Claims)
	if err != nil {
		return nil, err
	}
	key, err := zkverify.ParseVerifyingKey(s.Claims.VerifyingKey)
	if err != nil {
		return nil, err
	}
	return &Statement{Statement: registered, ID: s.Digest, log: log, key: key}, nil
}

// Task is what there is to prove of one event, number and all.
type Task struct {
	Public []event.Element
	under  *Statement
}

// Task derives the public inputs of an event under the statement.
func (s *Statement) Task(ctx context.Context, e *event.Event, digest event.Digest) (*Task, error) {
	public, err := s.Public(e, digest, s.log.Resolver(ctx))
	if err != nil {
		return nil, err
	}
	return &Task{Public: public, under: s}, nil
}

// PublicFile is public.json, as snarkjs verifies against.
func (k *Task) PublicFile() ([]byte, error) { return snarkjs.FormatPublic(k.Public) }

// InputFile is input.json, by which circom's circuits are given their inputs: the signal context, one of each value's name (of a digest an array of two), and the
// members of private, a JSON object that may be nil. Errors quote nothing of private.
func (k *Task) InputFile(private []byte) ([]byte, error) {
	signals := map[string]json.RawMessage{}
	if private != nil {
		d := json.NewDecoder(bytes.NewReader(private))
		if err := d.Decode(&signals); err != nil || signals == nil {
			return nil, errors.New("the private inputs are no JSON object, with a member for each of the circuit's private signals")
		}
		if d.More() {
			return nil, errors.New("something follows the private inputs' JSON object")
		}
	}
	public := map[string][]string{}
	for i, name := range k.under.Inputs {
		name, _, _ = strings.Cut(name, "[")
		public[name] = append(public[name], snarkjs.Number(k.Public[i]))
	}
	for name, numbers := range public {
		if _, taken := signals[name]; taken {
			return nil, fmt.Errorf("the private inputs have a member %q, which is a public one and follows from the event", name)
		}
		var value any = numbers
		if len(numbers) == 1 {
			value = numbers[0]
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("couldn't write the inputs: %w", err)
		}
		signals[name] = raw
	}
	b, err := json.MarshalIndent(signals, "", " ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write the inputs: %w", err)
	}
	return append(b, '\n'), nil
}

// Accept reads a proof as snarkjs writes it, verifies it, and gives it as the log takes it. A well-formed proof of anything else gives [ErrProof].
func (k *Task) Accept(file []byte) ([]byte, error) {
	p, err := snarkjs.ParseProof(file)
	if err != nil {
		return nil, err
	}
	proof := p.Bytes()
	err = zkverify.Verify(k.under.key, proof, k.Public)
	if errors.Is(err, zkverify.ErrInvalid) {
		return nil, ErrProof
	}
	return proof, err
}
