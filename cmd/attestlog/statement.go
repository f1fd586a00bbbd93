package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/importing"
	"github.com/attestlog/attestlog/cmd/internal/operatordir"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/statement"
)

const importManual = `Registers the verifying key of somebody's own circuit with a log, in its operator's name, so that the log takes proofs under it. The
key is what snarkjs zkey export verificationkey writes: Groth16 on BN254 (circom's bn128), of at most 256 public inputs. The schema
says what the inputs are and what a proof shows (attestlog help statements). It is the operator who vouches for that: everywhere it
is told as the operator's words, and the keys are called UNTRUSTED, because nobody can tell from a key who knows its secrets.

The circuit's first public input is the context, which ties a proof to one event. It has to be bound by the circuit; set-ups of snarkjs
bind all public inputs. Events under the statement are of kind custom, and the proving key stays with whoever made the circuit.

--data is the log's data directory, as attestlogd has it: the operator's key is there, and its place in its chain.
`

type statementImport struct {
	log                      logFlags
	data, schema, transcript string
	timeout                  time.Duration
}

func bindStatementImport(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	i := new(statementImport)
	i.log.bind(fs)
	fs.StringVar(&i.schema, "schema", "", "the `file` that says what the public inputs are and what a proof shows")
	fs.StringVar(&i.data, "data", "", "the log's data `directory`, with the operator's key; the log's own key is taken from there, too")
	fs.StringVar(&i.transcript, "transcript", "", "a `file` of the ceremony that made the key, such as its last zkey: its SHA-256 is registered along")
	fs.DurationVar(&i.timeout, "timeout", 30*time.Second, "how long to try for")
	return i.run
}

func (i *statementImport) run(ctx context.Context, t *terminal, args []string) error {
	switch {
	case len(args) != 1:
		return misuse("want one file with a verifying key")
	case i.schema == "":
		return misuse("--schema is missing: it says what the key's public inputs are")
	case i.data == "":
		return misuse("--data is missing: statements are registered in the operator's name")
	}
	claims, err := i.claims(args[0])
	if err != nil {
		return err
	}
	dir := operatordir.Dir(i.data)
	key, err := dir.ReadKey()
	if err != nil {
		return err
	}
	if i.log.key == "" {
		i.log.key = dir.LogKey()
	}
	r, err := i.log.connect(t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	source, err := r.OpenSource(client.SourceOptions{Name: operatordir.Source, Key: key, State: dir.State(), Refused: t.refusedOrphan})
	if err != nil {
		return err
	}
	id := event.DigestOf(claims.VerifyingKey)
	receipt, err := source.Record(ctx, client.Draft{Subject: event.Subject{Name: claims.Name, Digest: id}, Claims: claims})
	if err := errors.Join(err, source.Close()); err != nil {
		return refused(ctx, r, fmt.Errorf("couldn't import %s: %w", claims.Name, err))
	}
	if err := i.report(t, claims, receipt); err != nil {
		return err
	}
	return r.judge(ctx, nil)
}

// claims reads the files.
func (i *statementImport) claims(path string) (*event.StatementClaims, error) {
	vk, err := decodeFile(path, snarkjs.MaxVerifyingKey, readBounded, snarkjs.ParseVerifyingKey)
	if err != nil {
		return nil, err
	}
	var transcript event.Digest
	if i.transcript != "" {
		if transcript, err = hashFile(i.transcript); err != nil {
			return nil, err
		}
	}
	return decodeFile(i.schema, importing.MaxFile, readBounded, func(b []byte) (*event.StatementClaims, error) { return importing.Claims(b, vk, transcript) })
}

func hashFile(path string) (d event.Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, fmt.Errorf("couldn't read the transcript: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return d, fmt.Errorf("couldn't read the transcript: %w", err)
	}
	return event.Digest(h.Sum(nil)), nil
}

func (i *statementImport) report(t *terminal, claims *event.StatementClaims, receipt *client.Receipt) error {
	s, err := statement.Registered(claims)
	if err != nil {
		return err
	}
	id := event.DigestOf(claims.VerifyingKey)
	t.say("Imported the statement %s: entry %d.", claims.Name, receipt.Index)
	t.field("statement", "%s", id)
	t.field("shows", "%q, by your word", s.Shows)
	for n, name := range s.Inputs {
		t.field(fmt.Sprintf("input %d", n+1), "%s", name)
	}
	t.warn("the key of %s is UNTRUSTED wherever it is relied on: nobody can tell from it who knows its set-up's secrets", claims.Name)
	if t.json {
		t.printJSON(map[string]any{"index": receipt.Index, "name": claims.Name, "statement": id, "inputs": s.Inputs})
	}
	return nil
}

const statementsManual = `Statements of your own: circuits that attestlog doesn't have.

What a proof shows, and for which public values, is said by a statement entry of the log. attestlog statement import makes one of a
verifying key of snarkjs's and a schema, a small YAML file:

  format: attestlog-statement/v1
  name: income-threshold             # of a-z 0-9 . _ -; nobody else's in this log, and none that
                                     # attestlog may give a circuit of its own: see below
  shows: The committed income is at least the threshold.
  notShown:                          # sentences, at least one
    - That the income is true.

  # The circuit's public inputs in its order, the first one left out: that is the context, always. In circom:
  #   component main {public [context, threshold, register]} = …
  # Outputs come before inputs in circom, so let the circuit have none, and constrain what it computes to a public input.
  inputs:
    - {name: threshold, type: integer, min: 0, max: 1000000}
    - {name: register, type: dataset}

  type      value in claims.json                          public input
  integer   a number from min to max, at most ±(2^53−1)   the number; of a negative one r − |n|
  boolean   true or false                                 1 or 0
  element   64 hex digits, below r                        the number
  text      1 to 256 bytes                                first 31 bytes of SHA-256("attestlog/text/v1" ‖ text)
  digest    64 hex digits                                 two: its first and its last 16 bytes
  dataset   the event that commits to a data set          the data set's commitment D

Names that are a kind of events, or begin with one and a hyphen, such as data-access-256, are kept for attestlog's own statements:
those that there are, and those of later versions.

Claims under it are of kind custom, and have these values in the same order:

  {"kind": "custom", "subject": {"name": "…", "digest": {"sha256": "…"}}, "claims": {"inputs": [
    {"name": "threshold", "type": "integer", "value": 1000},
    {"name": "register", "type": "dataset", "value": "6f1e…"}]}}

The context depends on the event, number and all, so the proof is made once the event has its number. Either in one go,

  attestlog submit claims.json --source NAME --key FILE --statement income-threshold --private private.json \
    --prover 'snarkjs groth16 fullprove "$ATTESTLOG_INPUT" circuit.wasm circuit.zkey "$ATTESTLOG_PROOF" /dev/null'

or by hand: attestlog context claims.json … --out DIR, then snarkjs, then attestlog submit DIR --proof proof.json.
`
