package tilestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// copyHeader begins PostgreSQL's binary COPY format: signature, no flags, no extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// copyTrailer ends it.
const copyTrailer = "\xff\xff"

// sqlFenced is raised by advance_tip.
const sqlFenced = "AL001"

// write stores a batch in one transaction. It goes out as one message, the statements followed by the COPY's data, which
// PostgreSQL runs as one transaction: one round trip, however large the batch.
func (l *Leader) write(ctx context.Context, b *batch) error {
	l.encode(b)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.store.cfg.CommitTimeout)
	defer cancel()
	if len(b.tx.statements) > 0 {
		return classify(pgx.BeginFunc(ctx, l.conn, func(tx pgx.Tx) error {
			var others pgx.Batch
			for _, s := range b.tx.statements {
				others.Queue(s.sql, s.args...)
			}
			if err := tx.SendBatch(ctx, &others).Close(); err != nil {
				return err
			}
			return l.send(ctx)
		}))
	}
	return classify(l.send(ctx))
}

func (l *Leader) send(ctx context.Context) error {
	_, err := l.conn.PgConn().CopyFrom(ctx, bytes.NewReader(l.rows), string(l.sql))
	return err
}

// refused wraps errors after which it is certain that nothing was stored.
type refused struct{ error }

func (r *refused) Unwrap() error { return r.error }

// classify tells what PostgreSQL refused from what it may have done. An ERROR rolls the transaction back for certain. Of
// a session that ends, by FATAL or without a word, nobody knows how far it came.
func classify(err error) error {
	var pgErr *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pgErr) && pgErr.Code == sqlFenced:
		return &refused{fmt.Errorf("%w (%s)", ErrFenced, pgErr.Message)}
	case errors.As(err, &pgErr) && pgErr.SeverityUnlocalized == "ERROR":
		return &refused{fmt.Errorf("couldn't store the batch: %w", err)}
	}
	return fmt.Errorf("couldn't learn whether the batch was stored: %w", err)
}

// begin empties what is kept from batch to batch.
func (l *Leader) begin() {
	l.rows = append(l.rows[:0], copyHeader...)
	if len(l.names) > maxNames {
		clear(l.names)
	}
}

// encode fills l.sql with a batch, and ends l.rows, which has its rows already.
func (l *Leader) encode(b *batch) {
	s := append(l.sql[:0], "SELECT advance_tip("...)
	s = strconv.AppendInt(s, l.tip.Epoch, 10)
	s = append(s, ',')
	s = strconv.AppendInt(s, l.tip.Size, 10)
	s = append(s, ',')
	s = strconv.AppendInt(s, b.tip.Size, 10)
	s = append(s, ',')
	s = appendBytea(s, b.tip.Root[:])
	s = append(s, ',')
	s = strconv.AppendInt(s, b.tip.Logged.UnixNano(), 10)
	s = append(s, ");"...)
	for i, name := range b.newNames {
		s = append(s, separator(i, "INSERT INTO names (id, name) VALUES ")...)
		s = append(s, '(')
		s = strconv.AppendInt(s, int64(l.names[name]), 10)
		s = append(s, ",convert_from("...)
		s = appendBytea(s, []byte(name))
		s = append(s, ",'UTF8'))"...)
	}
	s = terminate(s)
	for i, t := range b.full {
		s = append(s, separator(i, "INSERT INTO tiles (level, n, root, hashes) VALUES ")...)
		s = append(s, '(')
		s = strconv.AppendInt(s, int64(t.level), 10)
		s = append(s, ',')
		s = strconv.AppendInt(s, t.n, 10)
		s = append(s, ',')
		s = appendBytea(s, t.root)
		s = append(s, ',')
		s = appendBytea(s, t.hashes)
		s = append(s, ')')
	}
	s = terminate(s)
	s = terminate(appendAttestations(s, b.items))
	l.sql = append(s, "COPY entries (idx, logged, source, subject, digest, kind, leaf) FROM STDIN BINARY"...)
	l.rows = append(l.rows, copyTrailer...)
}

// rowSize is how many bytes appendRow writes.
func rowSize(row *Row) int {
	return 2 + (4 + 8) + (4 + 8) + (4 + 4) + (4 + 4) + (4 + 16) + (4 + 2) + 4 + len(row.Leaf)
}

// appendRow writes a row in binary COPY format.
func (l *Leader) appendRow(r []byte, row *Row) []byte {
	r = binary.BigEndian.AppendUint16(r, 7)
	r = binary.BigEndian.AppendUint32(r, 8)
	r = binary.BigEndian.AppendUint64(r, uint64(row.Index))
	r = binary.BigEndian.AppendUint32(r, 8)
	r = binary.BigEndian.AppendUint64(r, uint64(row.Logged))
	r = binary.BigEndian.AppendUint32(r, 4)
	r = binary.BigEndian.AppendUint32(r, uint32(l.names[row.Source]))
	r = binary.BigEndian.AppendUint32(r, 4)
	r = binary.BigEndian.AppendUint32(r, uint32(l.names[row.Subject]))
	r = binary.BigEndian.AppendUint32(r, 16)
	r = append(r, row.Digest[:16]...)
	r = binary.BigEndian.AppendUint32(r, 2)
	r = binary.BigEndian.AppendUint16(r, uint16(row.Kind))
	r = binary.BigEndian.AppendUint32(r, uint32(len(row.Leaf)))
	return append(r, row.Leaf...)
}

// appendBytea writes a literal that no content can break out of.
func appendBytea(s, value []byte) []byte {
	s = append(s, `'\x`...)
	s = hex.AppendEncode(s, value)
	return append(s, "'::bytea"...)
}

// separator goes before value i of a list.
func separator(i int, first string) string {
	if i == 0 {
		return first
	}
	return ","
}

// terminate ends a statement if one was begun.
func terminate(s []byte) []byte {
	if s[len(s)-1] != ';' {
		s = append(s, ';')
	}
	return s
}

// maxNames bounds the names that a leader remembers.
const maxNames = 1 << 17

// resolveNames finds the dictionary's numbers for the names of items, and gives new numbers in the order of the
// entries, the source before the subject, so that a dictionary rebuilt from the entries is the same.
func (l *Leader) resolveNames(ctx context.Context, b *batch, items []*Item) error {
	var unknown []string
	for _, it := range items {
		if it.accepted() {
			for _, name := range [2]string{it.Row.Source, it.Row.Subject} {
				if _, ok := l.names[name]; !ok {
					l.names[name] = 0 // so that it is asked for once
					unknown = append(unknown, name)
				}
			}
		}
	}
	if unknown == nil {
		return nil
	}
	ids, err := b.tx.nameIDs(ctx, unknown)
	if err != nil {
		return err
	}
	for _, name := range unknown {
		id, ok := ids[name]
		if !ok {
			l.lastName++
			id = l.lastName
			b.newNames = append(b.newNames, name)
		}
		l.names[name] = id
	}
	return nil
}
