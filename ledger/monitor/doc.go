// Package monitor watches logs, so that none can show two people two histories, or break its own law, without leaving evidence.
//
// A monitor follows any number of logs, attestlog's or any other that serves C2SP tlog-tiles. Of each it asks for the newest head, again and
// again, and for nothing but what that head promises:
//
//	head      is it signed by the log's key? Does it continue every head that this monitor has ever accepted?
//	entries   do the bundles that the log serves lead to the signed root, hash by hash?
//	law       (attestlog's logs) may each entry stand where it stands? Every signature, source, number, reference and proof: package ledger/verify's law
//	others    do peers and clients, who hand on the signed heads that they saw, see the same log?
//
// It keeps the hash of every leaf, and of every complete subtree of 256 leaves, so that it can compute the root of each earlier size by itself. Any
// signed head that comes along later, from whomever, is held against it at once; and where the two contradict each other, the monitor makes
// evidence (verify.Fork) that convinces whoever knows the log's key, without the log's help.
//
// What it finds becomes an [Alarm], which is latched: it is written down before anybody hears of it, and stays until the state is thrown away. Trouble that
// may pass by itself, a tile that is missing, a server that lags, becomes one only when it lasts ([Config].Patience).
//
// A monitor believes nobody: not the log beyond its signatures, and peers and clients not even that they are who they say. All they can do is to bring
// notes that the log itself signed.
//
// # State
//
// One directory, in it one for each log, named by the SHA-256 of its origin:
//
//	journal      what is known, one change a line: CRC-32C in hex, a space, JSON. It is compacted from time to time
//	tree.N       hashes of the complete subtrees of 256^N leaves, 32 bytes each
//	events       entries that others may refer to, or that make the law: index (8 bytes), length (4), leaf
//	digests      event digests of all entries, 32 bytes each
//	evidence/    what alarms rest on
//
// The journal says how much of the other files counts. They are made durable before the journal's line is, so a monitor that is killed at
// any point, or whose machine is, goes on where the last line left it. See internal/store.
package monitor
