package tilestore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// A durable server and leaves of 1 KiB, from many submitters of one entry at a time: what the log is made for.
// The judge does nothing here.
func BenchmarkAppend(b *testing.B) {
	for _, submitters := range []int{64, 1024} {
		b.Run(fmt.Sprint(submitters), func(b *testing.B) {
			s := open(b, Config{URL: pgtest.Server(b).URL()})
			r := lead(b, s, rawJudge{})
			rows := benchRows(4096)
			latencies := make([]time.Duration, b.N)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range submitters {
				wg.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						start := time.Now()
						row := rows[i%int64(len(rows))]
						binary.BigEndian.PutUint64(row.Digest[:], mathrand.Uint64())
						it := &Item{Submission: row, Size: len(row.Leaf)}
						done, err := r.Enqueue(it)
						if err != nil {
							b.Error(err)
							return
						}
						if <-done; it.Err != nil {
							b.Error(it.Err)
							return
						}
						latencies[i] = time.Since(start)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(latencies)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
			b.ReportMetric(latencies[len(latencies)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(latencies[len(latencies)*99/100].Seconds()*1e3, "p99-ms")
			var bytesAll int64
			if err := s.pool.QueryRow(context.Background(), `SELECT pg_total_relation_size('entries') + pg_total_relation_size('tiles') + pg_total_relation_size('names')`).Scan(&bytesAll); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(bytesAll)/float64(b.N)/1024, "stored/leaf")
		})
	}
}

// What BenchmarkAppend is measured against: COPY of the same rows into a table with a primary key and nothing else.
func BenchmarkCopy(b *testing.B) {
	s := open(b, Config{URL: pgtest.Server(b).URL()})
	ctx := context.Background()
	for _, sql := range []string{"CREATE TABLE plain (LIKE entries INCLUDING STORAGE)", "ALTER TABLE plain ADD PRIMARY KEY (idx)", "ALTER TABLE plain SET (toast_tuple_target = 8160)"} {
		if _, err := s.pool.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	rows := benchRows(4096)
	l := &Leader{names: map[string]int32{}}
	for _, row := range rows {
		l.names[row.Source], l.names[row.Subject] = 1, 1
	}
	data := []byte(copyHeader)
	for i := range b.N {
		row := rows[i%len(rows)]
		row.Index = int64(i)
		binary.BigEndian.PutUint64(row.Digest[:], mathrand.Uint64())
		data = l.appendRow(data, &row)
	}
	data = append(data, 0xff, 0xff)
	b.ResetTimer()
	if _, err := conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(data), "COPY plain (idx, logged, source, subject, digest, kind, leaf) FROM STDIN BINARY"); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// Proofs for entries anywhere in a million, with hardly anything in memory.
func BenchmarkInclusion(b *testing.B) {
	s := open(b, Config{URL: pgtest.Server(b).URL(), CacheTiles: 64})
	r := lead(b, s, rawJudge{})
	const size = 1_000_000
	rows := benchRows(4096)
	for range size / 4000 {
		items := make([]*Item, 4000)
		for i := range items {
			row := rows[i]
			binary.BigEndian.PutUint64(row.Digest[:], mathrand.Uint64())
			items[i] = &Item{Submission: row, Size: 1024}
		}
		done, err := r.Enqueue(items...)
		if err != nil {
			b.Fatal(err)
		}
		<-done
	}
	b.ResetTimer()
	latencies := make([]time.Duration, b.N)
	for i := range b.N {
		start := time.Now()
		if _, err := s.Inclusion(b.Context(), mathrand.Int64N(size), size); err != nil {
			b.Fatal(err)
		}
		latencies[i] = time.Since(start)
	}
	slices.Sort(latencies)
	b.ReportMetric(latencies[len(latencies)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(latencies[len(latencies)*99/100].Seconds()*1e3, "p99-ms")
}

// benchRows are rows with leaves of 1 KiB, from 1,000 sources on 200 subjects.
func benchRows(n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		random := make([]byte, 768)
		rand.Read(random)
		rows[i] = Row{
			Kind: event.Kind(1 + i%4), Source: fmt.Sprintf("source-%d/1", mathrand.N(1000)), Subject: fmt.Sprintf("subject-%d", mathrand.N(200)),
			Leaf: []byte(base64.StdEncoding.EncodeToString(random)),
		}
	}
	return rows
}

// rawJudge accepts finished rows.
type rawJudge struct{}

func (rawJudge) Judge(_ context.Context, _ *Tx, _, now int64, items []*Item) error {
	for _, it := range items {
		it.Row = it.Submission.(Row)
		it.Row.Logged = now
	}
	return nil
}
