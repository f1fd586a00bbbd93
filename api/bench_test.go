package api

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

// BenchmarkBatch is what the edge itself costs an event: a batch of 1,000 cut, decoded and answered with receipts of 20 hashes.
// Signatures, proofs and the log are not in it.
func BenchmarkBatch(b *testing.B) {
	for _, prefer := range []string{"", "return=minimal"} {
		b.Run("prefer "+prefer, func(b *testing.B) {
			s, err := newServer(Config{Ledger: &stub{submit: logAll}})
			if err != nil {
				b.Fatal(err)
			}
			body := string(batchOf(b, submissions(b, 1000)))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/events:batch", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Prefer", prefer)
				w := httptest.NewRecorder()
				s.routes.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkDecode takes the edge apart: cutting, decoding, encoding, and beside them the signature that every event costs anyway.
func BenchmarkDecode(b *testing.B) {
	subs := submissions(b, 1000)
	body := batchOf(b, subs)
	perEvent := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event") }
	b.Run("cut", func(b *testing.B) {
		for b.Loop() {
			if _, err := cutBatch(body, 1000); err != nil {
				b.Fatal(err)
			}
		}
		perEvent(b)
	})
	b.Run("cut and decode", func(b *testing.B) {
		for b.Loop() {
			events, err := cutBatch(body, 1000)
			if err != nil {
				b.Fatal(err)
			}
			for _, raw := range events {
				if _, err := event.DecodeSubmission(raw); err != nil {
					b.Fatal(err)
				}
			}
		}
		perEvent(b)
	})
	outcomes := logAll(b.Context(), subs)
	for _, minimal := range []bool{false, true} {
		b.Run(fmt.Sprintf("encode, minimal %t", minimal), func(b *testing.B) {
			for b.Loop() {
				appendBatch(nil, outcomes, shape{minimal: minimal})
			}
			perEvent(b)
		})
	}
	public := keyOf(7).Public().(ed25519.PublicKey)
	b.Run("one signature", func(b *testing.B) {
		for b.Loop() {
			if err := subs[0].Envelope.Verify(public); err != nil {
				b.Fatal(err)
			}
		}
	})
}
