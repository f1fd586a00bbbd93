// Package worker proves events whose proofs were deferred.
//
// A worker takes jobs from River's queues in the log's database. A job names an event; the sealed witness lies in a table beside it.
// The worker opens the witness with its age identity, checks it, proves the event, verifies the proof, and adds it to the log as
// an attestation under its own source. The log deletes the witness in the transaction that writes the attestation.
//
// # Whom it believes
//
// Not the database: a job is a hint. The event, and all that it refers to, comes from the log over HTTP, proven to be in it
// by heads that the log's pinned key signed; which witness is the event's, the event itself says, by its SHA-256; which circuit and
// which keys a statement has, the operator's registration in the log says, and this program's own circuit must be that one.
// So a database that lies can make a worker waste time, and no more. A witness is not believed either: the native twin
// judges it before anything is proven.
//
// # Exactly once in effect
//
// A worker may be killed at any point, and two may work on one job. What counts is the log: it takes at most one proof of an
// event. A job is done when its witness is gone, or when the log says that the event has its attestation. Whatever was not
// finished is done again:
//
//   - a worker that starts, or that lost its database, takes back the jobs that are marked as its own and that it isn't working on;
//   - other workers take jobs over that nobody finished within [Config.Patience];
//   - an attestation that was on its way when the worker was killed is on its disk (client.Source), and is sent again.
//
// # Refusals
//
// A refusal is an attestation, too, and for ever: it says that the witness can't be opened, is malformed, is not the event's, or doesn't
// bear out what the event claims; or that the statement was revoked, which the log checks. A worker's own trouble is never a refusal: no keys,
// no network, no database, a busy log. Such a job goes back into the queue, and is tried again later, for as long as its witness is there.
//
// A witness that can't be opened here may be sealed to a prover with another identity. As long as the log has one with a live key, the event
// is left to it, until [Config.Grace] is over.
//
// # Order of work
//
// One proof is made at a time, on all cores, unless the configuration says otherwise. While it is made the next job is prepared
// (fetched, opened, checked, assigned), and the last one's attestation is on its way, so that the cores are always busy. What is taken on
// depends on the memory: see [NeedOf].
//
// Nothing of a witness is ever logged, or written anywhere.
package worker
