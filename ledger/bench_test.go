package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// BenchmarkSubmit measures batches of 500 claims from 8 sources on a durable database: everything from decoded submissions to
// receipts. Beside it stands the rate of verifying the same signatures alone, on as many cores.
func BenchmarkSubmit(b *testing.B) {
	const sources, size = 8, 500
	w := newWorldOn(b, pgtest.Server(b).URL())
	w.start()
	data := w.found()
	names := make([]string, sources)
	for i := range names {
		names[i] = "load/" + string(rune('a'+i))
		w.must(w.say("op/1", 'o', register(names[i], byte('A'+i), event.RoleService)))
	}
	rounds := max(2, b.N/(sources*size)+1)
	batches := make([][][]*event.Submission, sources)
	for i, name := range names {
		for range rounds {
			var batch []*event.Submission
			for range size {
				batch = append(batch, w.say(name, byte('A'+i), claim(data, 7)))
			}
			batches[i] = append(batches[i], batch)
		}
	}
	total := float64(sources * size * rounds)
	b.ResetTimer()
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			for _, batch := range batches[i] {
				for _, o := range w.log.Submit(context.Background(), batch) {
					if o.Refusal != nil {
						b.Error(o.Refusal)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	rate := total / time.Since(begin).Seconds()
	b.StopTimer()
	b.ReportMetric(rate, "events/s")
	alone := verifyAlone(batches)
	b.ReportMetric(alone, "signatures/s")
	b.ReportMetric(rate/alone, "ratio")
}

// BenchmarkSubmitOne measures single events from 256 sources at once, on a durable database.
func BenchmarkSubmitOne(b *testing.B) {
	const sources = 256
	w := newWorldOn(b, pgtest.Server(b).URL())
	w.start()
	data := w.found()
	rounds := max(2, b.N/sources+1)
	events := make([][]*event.Submission, sources)
	var registrations []*event.Submission
	for i := range sources {
		name, key := fmt.Sprintf("load/%d", i), byte(i)
		if bytes.IndexByte([]byte("obg"), key) >= 0 {
			continue // taken
		}
		registrations = append(registrations, w.say("op/1", 'o', register(name, key, event.RoleService)))
		for range rounds {
			events[i] = append(events[i], w.say(name, key, claim(data, 7)))
		}
	}
	w.must(registrations...)
	took := make([][]time.Duration, sources)
	b.ResetTimer()
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range events {
		wg.Go(func() {
			for _, sub := range events[i] {
				sent := time.Now()
				if o := w.log.Submit(context.Background(), []*event.Submission{sub})[0]; o.Refusal != nil {
					b.Error(o.Refusal)
					return
				}
				took[i] = append(took[i], time.Since(sent))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/time.Since(begin).Seconds(), "events/s")
	b.ReportMetric(all[len(all)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(all[len(all)*99/100].Seconds()*1000, "p99-ms")
}

// verifyAlone is the rate of verifying signatures on all cores.
func verifyAlone(batches [][][]*event.Submission) float64 {
	var done atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	for c := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := c; i < len(batches); i += runtime.GOMAXPROCS(0) {
				for _, sub := range batches[i][0] {
					if sub.Envelope.Verify(public(byte('A'+i))) == nil {
						done.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds()
}

// BenchmarkAppend measures the sequencing half alone: leaves of 1 KiB from 1,024 submitters.
func BenchmarkAppend(b *testing.B) {
	s, err := ledger.OpenSequencer(b.Context(), ledger.SequencerConfig{DatabaseURL: pgtest.Server(b).URL()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		s.Close()
	}()
	var next atomic.Int64
	b.ResetTimer()
	begin := time.Now()
	var wg sync.WaitGroup
	for range 1024 {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				leaf := make([]byte, 1024)
				for at := range 8 {
					leaf[at] = byte(i >> (8 * at))
				}
				if _, err := s.Append(ctx, ledger.Raw{Leaf: leaf, Kind: event.DataAccess, Source: "load/1", Subject: "bench"}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "leaves/s")
}
