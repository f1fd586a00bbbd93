package zkverify_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark/backend/groth16"

	"github.com/attestlog/attestlog/prover/zkverify"
)

// BenchmarkRatio compares batches of 64 with one by one in alternating rounds, so
// that whatever else the machine does hits all alike. It reports each way's rate in
// its best tenth of the rounds, which is what the machine can do when left alone.
func BenchmarkRatio(b *testing.B) {
	for _, name := range []string{eightInputs, committingOpen} {
		b.Run(name, func(b *testing.B) {
			const n = 64
			s := fixtures(b)[name]
			all := make([]*proven, n)
			items := make([]zkverify.Item, n)
			for i := range items {
				all[i] = s.prove(b, int64(i)+2)
				items[i] = all[i].item()
			}
			ours := func(i int) error { return verify(items[i]) }
			gnarks := func(i int) error { return groth16.Verify(all[i].gproof, s.gvk, all[i].gpublic) }
			sequentially := func(one func(int) error) func() {
				return func() {
					for i := range n {
						if err := one(i); err != nil {
							b.Error(err)
						}
					}
				}
			}
			inTwo := func(one func(int) error) func() {
				return func() {
					var wg sync.WaitGroup
					for g := range 2 {
						wg.Go(func() {
							for i := g; i < n; i += 2 {
								if err := one(i); err != nil {
									b.Error(err)
								}
							}
						})
					}
					wg.Wait()
				}
			}
			ways := []struct {
				unit string
				run  func()
			}{
				{"batch/s", func() {
					for _, err := range zkverify.VerifyBatch(items) {
						if err != nil {
							b.Error(err)
						}
					}
				}},
				{"sequential/s", sequentially(ours)},
				{"2-goroutines/s", inTwo(ours)},
				{"gnark-sequential/s", sequentially(gnarks)},
				{"gnark-2-goroutines/s", inTwo(gnarks)},
			}
			took := make([][]time.Duration, len(ways))
			for b.Loop() {
				for i, w := range ways {
					start := time.Now()
					w.run()
					took[i] = append(took[i], time.Since(start))
				}
			}
			rates := make([]float64, len(ways))
			for i, w := range ways {
				slices.Sort(took[i])
				rates[i] = n / took[i][len(took[i])/10].Seconds()
				b.ReportMetric(rates[i], w.unit)
			}
			b.ReportMetric(rates[0]/rates[1], "x-sequential")
			b.ReportMetric(rates[0]/rates[2], "x-2-goroutines")
		})
	}
}
