package tilestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/ledger/event"
)

// reader reads what is committed, through a pool or through the leader's own session.
type reader struct {
	q      querier
	decode func(leaf []byte) (Row, error)
}

// Tip is the committed head. Reads up to its size are repeatable from now on.
func (r reader) Tip(ctx context.Context) (Tip, error) {
	tip, err := scanTip(r.q.QueryRow(ctx, "SELECT size, root, epoch, logged FROM tip"))
	if err != nil {
		return Tip{}, fmt.Errorf("couldn't read the tip: %w", err)
	}
	return tip, nil
}

func scanTip(row pgx.Row) (Tip, error) {
	var tip Tip
	var root []byte
	var logged int64
	if err := row.Scan(&tip.Size, &root, &tip.Epoch, &logged); err != nil {
		return Tip{}, err
	}
	copy(tip.Root[:], root)
	tip.Logged = time.Unix(0, logged)
	return tip, nil
}

// selectRows begins every query for rows; the entries are e.
const selectRows = `SELECT e.idx, e.logged, e.kind, source.name, subject.name, e.leaf `

// selectBare is the same without names.
const selectBare = `SELECT e.idx, e.logged, e.kind, '', '', e.leaf `

// joinNames ends its FROM clause.
const joinNames = ` JOIN names source ON source.id = e.source JOIN names subject ON subject.id = e.subject `

func collectRows(rows pgx.Rows, err error) ([]Row, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Row, error) {
		var r Row
		var kind int16
		err := row.Scan(&r.Index, &r.Logged, &kind, &r.Source, &r.Subject, &r.Leaf)
		r.Kind = event.Kind(kind)
		return r, err
	})
}

// Row is the entry at an index, or ErrNotFound.
func (r reader) Row(ctx context.Context, index int64) (Row, error) {
	rows, err := r.Rows(ctx, index, index+1)
	if err != nil {
		return Row{}, err
	}
	if len(rows) == 0 {
		return Row{}, fmt.Errorf("entry %d: %w", index, ErrNotFound)
	}
	return rows[0], nil
}

// Rows are the entries in [from, to), in order. Those that aren't there are left out.
func (r reader) Rows(ctx context.Context, from, to int64) ([]Row, error) {
	rows, err := collectRows(r.q.Query(ctx, selectRows+"FROM entries e"+joinNames+"WHERE e.idx >= $1 AND e.idx < $2 ORDER BY e.idx", from, to))
	if err != nil {
		return nil, fmt.Errorf("couldn't read entries %d to %d: %w", from, to, err)
	}
	return rows, nil
}

// RowsAt are the entries at the given indices, in one query. Those that the log doesn't hold are left out.
func (r reader) RowsAt(ctx context.Context, indices []int64) ([]Row, error) {
	if len(indices) == 0 {
		return nil, nil
	}
	rows, err := collectRows(r.q.Query(ctx, selectRows+"FROM entries e"+joinNames+"WHERE e.idx = ANY($1)", indices))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %d entries: %w", len(indices), err)
	}
	return rows, nil
}

// RowByDigest is the entry with an event digest, or ErrNotFound.
func (r reader) RowByDigest(ctx context.Context, digest event.Digest) (Row, error) {
	rows, err := r.RowsByDigest(ctx, []event.Digest{digest})
	if err != nil {
		return Row{}, err
	}
	row, ok := rows[digest]
	if !ok {
		return Row{}, fmt.Errorf("event %s: %w", digest, ErrNotFound)
	}
	return row, nil
}

// RowsByDigest are the entries with the given event digests, in one query. Those that the log doesn't hold are left out.
// The database finds them by half of the digest; the whole is compared with what the leaf says.
func (r reader) RowsByDigest(ctx context.Context, digests []event.Digest) (map[event.Digest]Row, error) {
	halves := make([][16]byte, len(digests))
	wanted := make(map[event.Digest]bool, len(digests))
	for i, d := range digests {
		halves[i] = half(d)
		wanted[d] = true
	}
	// The lateral join makes it one index look-up per digest, whatever the planner thinks of the table's size.
	rows, err := collectRows(r.q.Query(ctx, selectRows+`FROM unnest($1::uuid[]) wanted(digest)
		CROSS JOIN LATERAL (SELECT * FROM entries WHERE digest = wanted.digest OFFSET 0) e`+joinNames, halves))
	if err != nil {
		return nil, fmt.Errorf("couldn't look up %d digests: %w", len(digests), err)
	}
	found := make(map[event.Digest]Row, len(rows))
	for _, row := range rows {
		derived, err := r.decode(row.Leaf)
		if err != nil {
			return nil, fmt.Errorf("couldn't decode entry %d: %w", row.Index, err)
		}
		row.Digest = derived.Digest
		if first, ok := found[row.Digest]; wanted[row.Digest] && (!ok || row.Index < first.Index) {
			found[row.Digest] = row
		}
	}
	return found, nil
}

// half is what the database holds of a digest.
func half(d event.Digest) (h [16]byte) {
	copy(h[:], d[:])
	return h
}

// LastOf is the newest entry of a source, or ErrNotFound: what its sequence numbers go on from.
func (r reader) LastOf(ctx context.Context, source string) (Row, error) {
	tip, err := r.Tip(ctx)
	if err != nil {
		return Row{}, err
	}
	rows, err := r.Scan(ctx, Query{Size: tip.Size, Source: source, Descending: true, Limit: 1})
	if err != nil {
		return Row{}, err
	}
	if len(rows) == 0 {
		return Row{}, fmt.Errorf("source %s: %w", source, ErrNotFound)
	}
	return rows[0], nil
}

// nameIDs looks up the dictionary's numbers for names.
func (r reader) nameIDs(ctx context.Context, names []string) (map[string]int32, error) {
	rows, err := r.q.Query(ctx, "SELECT name, id FROM names WHERE name = ANY($1)", names)
	if err != nil {
		return nil, fmt.Errorf("couldn't look up names: %w", err)
	}
	ids := make(map[string]int32, len(names))
	var name string
	var id int32
	if _, err := pgx.ForEachRow(rows, []any{&name, &id}, func() error { ids[name] = id; return nil }); err != nil {
		return nil, fmt.Errorf("couldn't look up names: %w", err)
	}
	return ids, nil
}

// Head is a published checkpoint.
type Head struct {
	Size      int64
	Root      [32]byte
	Published time.Time // to the millisecond
	Note      []byte    // the signed note, with the cosignatures that it was published with last
	Quorum    bool      // the cosignatures satisfied the log's policy, or it had none
}

// ErrFork says that a head of that size and another root was published before. It must never happen.
var ErrFork = errors.New("another root was published for this size")

// SaveHead keeps a published head. Saving one of a size that was published before replaces its cosignatures, and fails with
// ErrFork if the root is another.
func (s *Store) SaveHead(ctx context.Context, h Head) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO heads (size, published, root, note, quorum) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (size) DO UPDATE SET note = excluded.note, quorum = excluded.quorum WHERE heads.root = excluded.root`,
		h.Size, h.Published.UnixMilli(), h.Root[:], h.Note, h.Quorum)
	if err != nil {
		return fmt.Errorf("couldn't save the head of size %d: %w", h.Size, err)
	}
	saved, err := s.Head(ctx, h.Size)
	if err != nil {
		return err
	}
	if saved.Root != h.Root {
		return fmt.Errorf("couldn't save the head of size %d: %w", h.Size, ErrFork)
	}
	return nil
}

// Head is the head published for a size, or ErrNotFound.
func (s *Store) Head(ctx context.Context, size int64) (Head, error) {
	return s.oneHead(ctx, "WHERE size = $1", size)
}

// NewestHead is the largest published head, or ErrNotFound.
func (s *Store) NewestHead(ctx context.Context) (Head, error) {
	return s.oneHead(ctx, "ORDER BY size DESC LIMIT 1")
}

// NewestWitnessed is the largest published head whose cosignatures satisfied the policy, or ErrNotFound.
func (s *Store) NewestWitnessed(ctx context.Context) (Head, error) {
	return s.oneHead(ctx, "WHERE quorum ORDER BY size DESC LIMIT 1")
}

// HeadAtLeast is the smallest published head of at least a size, or ErrNotFound: the first that covers an entry.
func (s *Store) HeadAtLeast(ctx context.Context, size int64) (Head, error) {
	return s.oneHead(ctx, "WHERE size >= $1 ORDER BY size LIMIT 1", size)
}

// Heads are up to limit heads with sizes below a bound, the largest first.
func (s *Store) Heads(ctx context.Context, below int64, limit int) ([]Head, error) {
	return s.heads(ctx, "WHERE size < $1 ORDER BY size DESC LIMIT $2", below, limit)
}

func (s *Store) oneHead(ctx context.Context, condition string, args ...any) (Head, error) {
	heads, err := s.heads(ctx, condition, args...)
	if err != nil {
		return Head{}, err
	}
	if len(heads) == 0 {
		return Head{}, fmt.Errorf("head: %w", ErrNotFound)
	}
	return heads[0], nil
}

func (s *Store) heads(ctx context.Context, condition string, args ...any) ([]Head, error) {
	rows, err := s.pool.Query(ctx, "SELECT size, published, root, note, quorum FROM heads "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("couldn't read heads: %w", err)
	}
	heads, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Head, error) {
		var h Head
		var published int64
		var root []byte
		err := row.Scan(&h.Size, &published, &root, &h.Note, &h.Quorum)
		h.Published = time.UnixMilli(published)
		copy(h.Root[:], root)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read heads: %w", err)
	}
	return slices.Clip(heads), nil
}
