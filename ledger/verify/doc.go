// Package verify is the auditor's side of the ledger: everything that someone needs who trusts nobody but the holder of
// one public key, the log's, and that one only as far as signatures go.
//
// It answers five questions, each with what it takes to answer it:
//
//	Did the log sign this head?             OpenHead: a signed note, the log's key
//	Is this entry in the log?               Receipt.Open: a leaf, its tlog-proof
//	Was its author allowed to say it?       Registry: the source and statement entries before it
//	Is what it says proven?                 Evidence.Verify: those, and the entries that its claims refer to
//	All that, of many entries?              Bundle.Verify: one file (.attestlog), which everybody reads alike
//
// The Registry is the law of the log, in one place: the operator's sequencer judges new entries by it, a monitor judges them
// again, and an auditor judges the few that her evidence rests on. The package links no database, no log server and no
// circuit, so that it can be vendored.
//
// What it can't know it says: a Report ends with the sentences that stay trusted.
package verify
