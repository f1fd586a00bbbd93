// Package zkverify checks Groth16 proofs over BN254: one at a time with
// [Verify], or many at once with [VerifyBatch].
//
// It is written on gnark-crypto's field and curve arithmetic alone and links no
// circuit, no constraint system and no prover, so that a server, an auditor's
// command line and a browser (GOOS=js GOARCH=wasm) run the same code.
//
// # What is checked
//
// A proof is three points A, B, C. With a verifying key (α, β, γ, δ, K_0…K_n)
// and public inputs x_1…x_n it is valid when
//
//	e(A, B) = e(α, β) · e(K_0 + Σ x_i·K_i, γ) · e(C, δ)
//
// A key with a commitment (Pedersen, as gnark's api.Commit makes it) has one
// more K, whose input is a hash of the commitment D and of the public inputs
// committed to; D is added to the sum, and a proof of knowledge P must satisfy
// e(D, -σG) · e(P, G) = 1.
//
// # What must hold before any of that
//
// Keys and proofs come from outside. Both have one fixed, compressed encoding
// (SPEC.md); every point must be on its curve, in the subgroup of order r and
// not at infinity; every public input must be below r. A key that gives some
// input no weight (K_i at infinity) verifies any value of it, so such a key is
// refused, and so are keys whose secret exponents are visibly trivial.
//
// # Never identify anything by proof bytes
//
// Groth16 proofs can be re-randomized: from a valid (A, B, C) anyone makes
// another valid proof of the same statement without knowing a witness. A proof
// is an argument, not an identity; the identity is that of the event.
//
// # How a batch is folded
//
// Each equation is raised to a random 128-bit power and all are multiplied
// together, so that n proofs cost n Miller loops (which share their squarings
// and field inversions), a few fixed pairings per verifying key, and one final
// exponentiation. A false equation survives with probability 2^-128. When a
// fold fails, it is bisected, so every proof gets a verdict of its own.
package zkverify
