package tilestore

import (
	"context"
	"fmt"

	"github.com/google/trillian/storage/tree"
	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/compact"
)

// reindexPage is how many entries Reindex reads at a time.
const reindexPage = 2048

// Reindex rebuilds everything that derives from the leaves: the columns of entries, the names, the tiles and the indexes.
// It first waits to become the leader, and works in one transaction: other processes see the old state until it is done. It
// changes nothing, and fails, where the leaves don't give the root that the tip has. Sealed witnesses don't derive from leaves: they stay. progress, which may be nil, is told
// how many of how many entries are done.
func (s *Store) Reindex(ctx context.Context, progress func(done, size int64)) error {
	l, err := s.lockedSession(ctx, nil)
	if err != nil {
		return err
	}
	defer closeConn(l)
	err = pgx.BeginFunc(ctx, l, func(tx pgx.Tx) error {
		r := reader{tx, s.cfg.Decode}
		tip, err := r.Tip(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM tiles; DELETE FROM names; DELETE FROM attestations; UPDATE tip SET epoch = epoch + 1"); err != nil {
			return err
		}
		re := &reindexer{tx: tx, names: make(map[string]int32), edge: &edge{nodes: map[compact.NodeID][]byte{}}}
		re.tree = (&compact.RangeFactory{Hash: nodeHash}).NewEmptyRange(0)
		for from := int64(0); from < tip.Size; from += reindexPage {
			to := min(from+reindexPage, tip.Size)
			if err := re.page(ctx, s.cfg.Decode, from, to); err != nil {
				return err
			}
			if progress != nil {
				progress(to, tip.Size)
			}
		}
		if root := re.edge.root(); root != tip.Root {
			return fmt.Errorf("the leaves give root %x at size %d, and the tip says %x: the leaves are damaged", root, tip.Size, tip.Root)
		}
		_, err = tx.Exec(ctx, "REINDEX TABLE entries")
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't rebuild the indexes: %w", err)
	}
	return nil
}

// reindexer goes through the log as a leader would have.
type reindexer struct {
	tx    pgx.Tx
	names map[string]int32
	tree  *compact.Range
	edge  *edge
}

func (re *reindexer) page(ctx context.Context, decode func([]byte) (Row, error), from, to int64) error {
	rows, err := re.tx.Query(ctx, "SELECT idx, leaf FROM entries WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, to)
	if err != nil {
		return err
	}
	var work pgx.Batch
	var added []tree.Node
	visit := func(id compact.NodeID, hash []byte) { added = append(added, tree.Node{ID: id, Hash: hash}) }
	next := from
	var index int64
	var leaf []byte
	_, err = pgx.ForEachRow(rows, []any{&index, &leaf}, func() error {
		if index != next {
			return fmt.Errorf("entry %d is missing", next)
		}
		next++
		row, err := decode(leaf)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		hash := leafHash(leaf)
		if err := re.tree.Append(hash[:], visit); err != nil {
			return err
		}
		for _, name := range [2]string{row.Source, row.Subject} {
			if _, ok := re.names[name]; !ok {
				re.names[name] = int32(len(re.names) + 1)
				work.Queue("INSERT INTO names (id, name) VALUES ($1, $2)", re.names[name], name)
			}
		}
		if a := row.Attests; a != nil {
			work.Queue("INSERT INTO attestations (idx, outcome, event) VALUES ($1, $2, $3)", index, a.code(), a.Event[:])
		}
		// Rows that are right, commonly all of them, are left alone.
		work.Queue(`UPDATE entries SET logged = $2, source = $3, subject = $4, digest = $5, kind = $6 WHERE idx = $1
			AND (logged, source, subject, digest, kind) IS DISTINCT FROM ($2, $3, $4, $5, $6)`,
			index, row.Logged, re.names[row.Source], re.names[row.Subject], half(row.Digest), int16(row.Kind))
		return nil
	})
	if err != nil {
		return err
	}
	if next != to {
		return fmt.Errorf("entry %d is missing", next)
	}
	grown, full, err := re.edge.grow(to, added)
	if err != nil {
		return err
	}
	re.edge = grown
	for _, t := range full {
		work.Queue("INSERT INTO tiles (level, n, root, hashes) VALUES ($1, $2, $3, $4)", t.level, t.n, t.root, t.hashes)
	}
	return re.tx.SendBatch(ctx, &work).Close()
}
