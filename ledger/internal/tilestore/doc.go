// Package tilestore keeps one RFC 6962 log in PostgreSQL, for Trillian's sequencer to write and for anybody to read.
//
// # What is stored
//
// Entries by index; full tiles of 256 hashes, as in C2SP tlog-tiles; one row, the tip: size, root, epoch. Rows are
// written once and never changed, except the tip. Tiles at the right edge, which are not full yet, are not stored: they
// follow from the entries and from the roots of the full tiles below. So the whole of a tree of n entries is a pure
// function of the first n rows, and every read that names a tree size is repeatable, whatever is appended meanwhile.
// Beside the entries there is one more index: which entries attest which event. Reindex rebuilds it. Sealed witnesses, which a
// judge puts into their own table in a batch's transaction, follow from nothing, and Reindex leaves them alone.
//
// # A batch
//
// A Leader collects items while the previous batch commits: nothing waits for a timer. It only lets whom that batch has
// woken enqueue again, before it takes what there is: a batch of one costs as much time as a batch of a hundred. Trillian's
// log.IntegrateBatch then runs over our storage.LogStorage. It dequeues the items, which has the Judge decide on each of them in order;
// the accepted ones get the next indices. It computes the tree's new nodes and root. Commit sends all of it, fence,
// entries, names, tiles and tip, as one message that PostgreSQL executes as one transaction: one round trip, one fsync.
// Only when PostgreSQL has said that the transaction is committed are the waiters woken.
//
// # The fence
//
// There is one leader: whoever holds the advisory lock, on the very session that its batches use. But a lock alone is
// not enough, because a leader may be cut off and not know it. So each new leader adds one to the tip's epoch, and each
// batch begins with
//
//	UPDATE tip SET … WHERE size = $old AND epoch = $mine
//
// and fails unless that finds the row. A leader that was replaced, or whose idea of the log is wrong for any other
// reason, can't write. Judges read outside of the writing transaction, which is safe for the same reason: if anything
// was written since the leader's last batch, the batch fails. Verdicts without a write, refusals and duplicates, are
// given only after the same condition was read to hold.
//
// # Failure
//
// Any failed commit ends the Leader; Run returns why. What becomes of the items in flight:
//
//   - PostgreSQL refused the transaction: nothing was stored. The items get ErrStopped and may be sent again.
//   - The tip had moved: ErrFenced from Run; nothing was stored; ErrStopped for the items.
//   - The connection broke and the outcome is unknown. The leader connects anew and waits for the advisory lock. Holding
//     it means that the old session is gone, and with it any chance that the transaction still commits. Now the tip
//     tells: either the batch landed and its items are acknowledged, or it didn't and they get ErrStopped. Where another
//     leader has written in between, the root of the tree of the batch's size tells.
//   - PostgreSQL doesn't come back in time: the items get ErrUnknown. Sending an event again is always safe, because a
//     judge recognizes it by its digest.
//
// Items still in the queue get ErrStopped. The owner of the Leader then calls Lead again, with a fresh judge.
//
// # Trillian
//
// IntegrateBatch refuses to run with a clock that steps back; ours never does. There are no tree ids, no queue tables
// and no pre-ordered logs here; Trillian's own storage tests run against this package through an adapter in the tests.
package tilestore
