// Command attestlog-prover is the proving worker: it makes the proofs that applications couldn't wait for.
//
//	attestlog-prover run      prove what is in the log's queue
//	attestlog-prover setup    make statements' keys for a log's operator to register
//	attestlog-prover keygen   make a worker's keys, and the request to register it
//	attestlog-prover health   ask a running worker how it is
//
// `attestlog-prover help COMMAND` has the details.
//
// An application that defers a proof seals what the proof takes, the witness, to the workers that the log has registered, and sends
// it along with the event. The log keeps the sealed witness and puts a job into its queue. A worker takes jobs out, opens the
// witness with its identity, proves the event, and adds the proof to the log as an attestation, whose entry ends the job and
// deletes the witness. Only workers ever see what is in a witness: not the log, not its operator, not the database.
//
// Package prover/worker says what a worker believes, and what happens when it is killed.
package main

import (
	"os"

	"github.com/attestlog/attestlog/cmd/internal/command"
)

func main() { os.Exit(program().Main()) }

func program() *command.Program {
	return &command.Program{
		Name:    "attestlog-prover",
		Summary: "makes the proofs that applications couldn't wait for.",
		Commands: []command.Command{
			{Name: "run", Args: "--log-key KEY --database-url URL --source NAME --key FILE --identity FILE [flags]", Summary: "prove what is in the log's queue", Manual: runManual, Bind: bindRun},
			{Name: "keygen", Args: "FILE --identity FILE [flags]", Summary: "make a worker's keys, and the request to register it", Manual: keygenManual, Bind: bindKeygen},
			{Name: "setup", Args: "--keys DIR --statements NAMES [flags]", Summary: "make statements' keys, UNTRUSTED, for a log's operator to register", Manual: setupManual, Bind: bindSetup},
			{Name: "health", Args: "[flags]", Summary: "ask a running worker how it is", Bind: bindHealth},
		},
	}
}
