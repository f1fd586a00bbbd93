// Package cosign asks witnesses to cosign a log's checkpoints (c2sp.org/tlog-witness).
//
// A witness keeps the largest head of a log that it saw, and cosigns another only with a proof that it continues that one. So a
// log that showed two histories would need two sets of witnesses. The log doesn't depend on them to go on: a head waits until the
// policy is satisfied, a moment longer for the others, and never beyond a deadline. A cosignature that comes later is added to the head that is
// published by then; and a witness that leaves several requests in a row unanswered is asked, and not waited for, until it cosigns again. But what a witness says is also the log's own alarm: if it saw a larger tree than this
// log has, the log's database lost entries that others rely on; if it refuses a proof as wrong, somebody signs another history with
// the log's key. Then the refused request is kept: together with the witness's head it is evidence.
package cosign
