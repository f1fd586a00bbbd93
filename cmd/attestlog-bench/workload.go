package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

const (
	leafSize     = 1024 // bytes
	workSources  = 1000
	workSubjects = 200
)

// workload makes leaves: base64 of random bytes, which is what most of a real leaf is, from 1,000 sources on 200 subjects. No two
// are the same.
type workload struct{ made atomic.Uint64 }

// leaf makes a leaf that renew makes into another one.
func (w *workload) leaf(i int) ledger.Raw {
	random := make([]byte, leafSize/4*3)
	_, _ = rand.Read(random) // it can't fail
	leaf := ledger.Raw{
		Leaf: []byte(base64.StdEncoding.EncodeToString(random)), Kind: event.Kind(1 + i%4),
		Source: fmt.Sprintf("source-%d/1", mathrand.N(workSources)), Subject: fmt.Sprintf("subject-%d", mathrand.N(workSubjects)),
	}
	w.renew(&leaf)
	return leaf
}

// renew makes a leaf that was appended into one that never was. Its bytes may be used again: a log that has answered has written them.
func (w *workload) renew(leaf *ledger.Raw) {
	binary.BigEndian.PutUint64(leaf.Leaf, w.made.Add(1))
}

const (
	appenders = 4    // who append in bulk
	bulkSize  = 1000 // leaves at a time, as many as a batch over HTTP has
)

// bulk appends so many leaves, a thousand at a time from a few submitters, and says how long it took.
func (o *opaque) bulk(ctx context.Context, leaves int64, w *workload) (time.Duration, error) {
	batches := make([][]ledger.Raw, appenders)
	for a := range batches {
		for i := range min(bulkSize, leaves) {
			batches[a] = append(batches[a], w.leaf(int(i)))
		}
	}
	var left atomic.Int64
	left.Store(leaves)
	errs := make([]error, appenders)
	var wg sync.WaitGroup
	start := time.Now()
	for a, batch := range batches {
		wg.Go(func() {
			for errs[a] == nil {
				n := min(bulkSize, left.Add(-bulkSize)+bulkSize)
				if n <= 0 {
					return
				}
				for i := range n {
					w.renew(&batch[i])
				}
				_, errs[a] = o.Append(ctx, batch[:n]...)
			}
		})
	}
	wg.Wait()
	return time.Since(start), firstError(errs)
}

// createPlain makes the table that COPY is measured with: that of the entries, without its secondary indexes.
func createPlain(ctx context.Context, conn *pgx.Conn) error {
	for _, sql := range []string{
		"CREATE TABLE plain (LIKE entries INCLUDING STORAGE)",
		"ALTER TABLE plain ADD PRIMARY KEY (idx)",
		"ALTER TABLE plain SET (toast_tuple_target = 8160)",
		"SET synchronous_commit TO on",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("couldn't make the table for COPY: %w", err)
		}
	}
	return nil
}

// copyBatch is a batch of rows in PostgreSQL's binary COPY format, encoded before the clock starts.
type copyBatch struct {
	rows int
	data []byte
}

const (
	copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // signature, no flags, no extension
	copyRow    = 2 + (4 + 8) + (4 + 8) + (4 + 4) + (4 + 4) + (4 + 16) + (4 + 2) + (4 + leafSize)
)

func (w *workload) copyBatch(rows int) *copyBatch {
	b := []byte(copyHeader)
	for i := range rows {
		leaf := w.leaf(i)
		digest := event.DigestOf(leaf.Leaf)
		b = binary.BigEndian.AppendUint16(b, 7)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), 0) // idx: set for each COPY
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(time.Now().UnixMilli()))
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(1+i%workSources))
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(1+i%workSubjects))
		b = append(binary.BigEndian.AppendUint32(b, 16), digest[:16]...)
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, 2), uint16(leaf.Kind))
		b = append(binary.BigEndian.AppendUint32(b, leafSize), leaf.Leaf...)
	}
	return &copyBatch{rows, binary.BigEndian.AppendUint16(b, 0xffff)}
}

// copyCounter is the next idx of the table that is copied into.
type copyCounter struct{ next uint64 }

// copy copies the batch again and again for so long, and gives the rows a second and each COPY's time in milliseconds.
func (b *copyBatch) copy(ctx context.Context, conn *pgx.Conn, at *copyCounter, d time.Duration) (rate float64, waits series, err error) {
	start := time.Now()
	return b.repeat(ctx, conn, at, func(int64) bool { return time.Since(start) < d })
}

// copyRows copies at least so many rows.
func (b *copyBatch) copyRows(ctx context.Context, conn *pgx.Conn, at *copyCounter, rows int64) (rate float64, waits series, err error) {
	return b.repeat(ctx, conn, at, func(done int64) bool { return done < rows })
}

func (b *copyBatch) repeat(ctx context.Context, conn *pgx.Conn, at *copyCounter, more func(done int64) bool) (rate float64, waits series, err error) {
	var took time.Duration
	done := int64(0)
	for done == 0 || more(done) {
		for i := range b.rows {
			binary.BigEndian.PutUint64(b.data[len(copyHeader)+i*copyRow+2+4:], at.next)
			at.next++
		}
		start := time.Now()
		_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(b.data), "COPY plain (idx, logged, source, subject, digest, kind, leaf) FROM STDIN BINARY")
		if err != nil {
			return 0, nil, fmt.Errorf("couldn't COPY: %w", err)
		}
		wait := time.Since(start)
		took += wait
		waits = append(waits, wait.Seconds()*1e3)
		done += int64(b.rows)
	}
	return float64(done) / took.Seconds(), waits, nil
}
