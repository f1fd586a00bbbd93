package zkverify_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/consensys/gnark/backend/groth16"

	"github.com/attestlog/attestlog/prover/zkverify"
)

// BenchmarkVerify compares, for each statement, gnark's own verifier, Verify on
// one and on two goroutines, and VerifyBatch on all cores. Every figure is the
// rate of proofs a second.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{eightInputs, committingOpen} {
		s := fixtures(b)[name]
		items := make([]zkverify.Item, 256)
		var first *proven
		for i := range items {
			p := s.prove(b, int64(i%64)+2)
			items[i] = p.item()
			if i == 0 {
				first = p
			}
		}
		one := func(b *testing.B, i int) {
			it := &items[i%len(items)]
			if err := zkverify.Verify(it.VK, it.Proof, it.Public); err != nil {
				b.Error(err)
			}
		}
		rate := func(b *testing.B, proofs int) {
			b.ReportMetric(float64(proofs)/b.Elapsed().Seconds(), "proofs/s")
		}
		b.Run(name+"/gnark", func(b *testing.B) {
			for b.Loop() {
				if err := groth16.Verify(first.gproof, s.gvk, first.gpublic); err != nil {
					b.Fatal(err)
				}
			}
			rate(b, b.N)
		})
		b.Run(name+"/gnark in 2 goroutines", func(b *testing.B) {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range b.N {
						if err := groth16.Verify(first.gproof, s.gvk, first.gpublic); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			rate(b, 2*b.N)
		})
		b.Run(name+"/one by one", func(b *testing.B) {
			i := 0
			for b.Loop() {
				one(b, i)
				i++
			}
			rate(b, b.N)
		})
		b.Run(name+"/one by one in 2 goroutines", func(b *testing.B) {
			var wg sync.WaitGroup
			for g := range 2 {
				wg.Go(func() {
					for i := range b.N {
						one(b, 2*i+g)
					}
				})
			}
			wg.Wait()
			rate(b, 2*b.N)
		})
		for _, n := range []int{2, 8, 64, 256} {
			b.Run(fmt.Sprintf("%s/batch of %d", name, n), func(b *testing.B) {
				for b.Loop() {
					for _, err := range zkverify.VerifyBatch(items[:n]) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
				rate(b, n*b.N)
			})
		}
	}
}

func BenchmarkParseVerifyingKey(b *testing.B) {
	e := fixtures(b)[eightInputs].vk.Bytes()
	for b.Loop() {
		if _, err := zkverify.ParseVerifyingKey(e); err != nil {
			b.Fatal(err)
		}
	}
}
