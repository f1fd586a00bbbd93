// Package ledger is the log's operator side: it admits events, puts them in one order, and signs what that order is.
//
// # The way of an event
//
// The door (door.go) judges what can be judged without an order, for many events at once: form, signature, references,
// claims, proof. What passes waits in a queue. The sequencer takes all that waits, and the judge (judge.go) decides on it
// once more, one after the other, by the log's law (verify.Registry), by each source's numbering (verify.Chain), and by what
// else is in the batch. What it accepts is stored in one transaction (internal/tilestore). Then the notary (notary.go) signs
// the head, makes the note durable in a file outside the database, and only then does Submit answer: with the leaf, its
// index, and the proof that the head commits to it.
//
// Proofs cost more than all else that the door judges. So those of all requests meet in one checker (checker.go), which folds
// into one equation what has come while it checked the fold before. A bad proof makes that equation fail; which one it is, is
// found by bisection, and the proofs of its source are checked apart from then on.
//
// So an answer means durable, integrated and provable. There is no pending state to lose. Whoever gets no answer sends the
// same event again, and gets the same one as would have come: an event is known by the digest of its payload.
//
// # Deferred proofs
//
// An event whose proof is deferred brings a witness, sealed to proving workers, in place of a proof. The door holds it against
// the payload, and derives the public inputs as for a proof that is there (deferral.go). The witness is stored beside the log in
// the transaction that writes the entry; then a job goes into River's queue, and a sweep finds what a crash leaves between the two
// (jobs.go). A worker's attestation brings the proof, which is checked like any other, or refuses one; the witness goes in the
// transaction that writes it (attestation.go). So proving happens once in effect, whatever is tried twice. What waits, and for how
// long, is for everyone to see (proving.go).
//
// # One writer
//
// Any number of processes may have the log open. One leads, by a lock in the database and a fence that holds when the lock
// does not; the others read, and refuse to write. What a leader remembers of the log it remembers for one term: when a commit
// fails, or nobody knows whether it did, the term ends, and the next one reads everything anew.
//
// # What is signed
//
// A signed head can't be taken back. So before one leaves the process it stands in the heads file (headsfile.go), and before
// a term begins the database must agree with that file: a database that was restored from yesterday would otherwise give
// yesterday's indices to other events, under heads that contradict those which people have seen. It refuses to write, then,
// says why, and goes on to serve what it has.
//
// Published heads are the few among the signed ones that are kept for good, one a second at most.
package ledger
