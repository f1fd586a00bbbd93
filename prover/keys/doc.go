// Package keys compiles circuits, runs their one-party set-up, keeps the keys on
// disk, and proves.
//
// It is the only place where gnark's prover meets attestlog's own formats:
// verifying keys and proofs leave it in the encodings of prover/zkverify.
//
// # What identifies what
//
// A statement is identified by the digest of its verifying key. The constraint
// system's digest identifies the circuit: compiling the same circuit twice gives
// the same bytes, so a prover compiles its circuit and compares, and need never
// trust a constraint system that somebody sent. The proving key is huge and is
// loaded without checking its points; its digest is checked first, always.
//
// # What the set-up is worth
//
// Whoever ran a one-party set-up could have kept its secrets and could forge
// proofs of false statements. Its keys carry the word UNTRUSTED wherever they
// are shown; a ceremony's do not. Package ceremony, below this one, runs one; the
// manifest of its keys names the transcript that anyone can verify.
package keys
