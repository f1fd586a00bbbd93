// Package ceremony makes a statement's keys with many parties, so that nobody need be trusted for them: the set-up's secret is a
// product of a secret of each contributor, and whoever lacks one factor lacks it all.
//
// It runs on gnark's backend/groth16/bn254/mpcsetup (https://eprint.iacr.org/2017/1050), of which it takes the arithmetic and
// believes nothing that comes in a file. SPEC.md beside this file has every byte, CEREMONY.md the procedure for people.
//
// # How it goes
//
// A ceremony is a directory that people hand on, whole or in part, by whatever means they like.
//
//	ceremony.json          what keys are made for: the statement, its circuit's digest, the size of the domain
//	phase1/manifest.json   the first phase, powers of τ, which depends on the size alone and may serve several statements
//	phase1/0001.mpc …      its contributions
//	phase1/sealed.json     how it ended: the contributions' digests, the beacon; phase1/sealed.srs has the result
//	phase2/0000.mpc        where the second phase starts, for this circuit: it follows from the sealed first phase
//	phase2/0001.mpc …      its contributions
//	keys/                  the keys, a store of package keys
//	transcript.json        all of it in digests; its own SHA-256 is the statement entry's transcript
//
// [Init] begins it, [Ceremony.Contribute] adds a contribution to the phase that is open, [Ceremony.Seal] ends a phase with a
// public beacon, [Ceremony.Verify] repeats everything but the secrets. A step either writes its file whole or not at all, so an interrupted
// one is just run again.
//
// # What a verified transcript shows
//
// That these are keys of this circuit and no other; that both phases are chains of contributions, each of which knew the secret
// that it multiplied by, over all that was there before; that the beacons given were worked in last; and that the proving and
// verifying key, byte for byte, come out of that, the keys of the circuit's commitment among them. Who contributed to both phases
// and threw the secrets away knows that nobody can forge proofs under these keys, however many others worked together.
//
// # What it doesn't show
//
//   - That somebody was honest; it takes one in each phase. A contributor is a name and a digest; one person can give any number of names. It convinces you if you
//     contributed yourself, or trust one of those who did and who publish the digest of their contribution: compare it with the
//     transcript.
//   - That secrets were thrown away, or that the machines that made them were sound. The secret lives in the memory of the process
//     that contributes, which ends after it; gnark does not wipe it.
//   - That a beacon was unknown before the last contribution, or that nobody chose among several: announce beforehand which one it will be, and
//     look its source up. Soundness rests on one honest contributor, not on the beacon.
//   - That contributions were not left out before the phase was sealed. A chain that lacks its end is a chain. The contributor who is missing from
//     the transcript sees it.
//   - That the circuit says what its statement claims. The golden digests in prover/stats.csv, and reading it, are for that.
//
// # Where it differs from gnark's own driver
//
// Each phase starts from gnark's initial state with a challenge of its own, a digest that names this ceremony, in place of none.
// A contribution's proof of knowledge covers the challenge, so a contribution to one ceremony is none to another, even of the same size and circuit.
// gnark's VerifyPhase1 and VerifyPhase2, which know only the empty challenge, hence don't apply; links are verified one by one with the
// Verify methods, two contributions in memory at a time. A phase without a contribution is refused: its secret would be the beacon, known to all.
package ceremony
