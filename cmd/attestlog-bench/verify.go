package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/pedersen"
	"github.com/consensys/gnark/backend/groth16"
	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/witness"

	"github.com/attestlog/attestlog/prover/zkverify"
)

// batchSize is how many proofs are folded: what a full log bundle of 256 entries or a busy server has at hand.
const batchSize = 64

func bindVerify(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	f := new(proverFlags)
	f.bind(fs)
	distinct := fs.Int("proofs", 8, "how many distinct proofs to make of each statement; a batch repeats them")
	return func(ctx context.Context, p plan, r *report) error {
		quietGnark(r)
		if *distinct < 1 || *distinct > batchSize {
			return &usageError{fmt.Sprintf("--proofs must be from 1 to %d", batchSize)}
		}
		circuits, err := f.circuits()
		if err != nil {
			return err
		}
		var proofs [][]zkverify.Item // for each statement
		for _, c := range circuits {
			made, err := f.open(ctx, r, c)
			if err != nil {
				return err
			}
			r.progress("making %d proofs of %s", *distinct, c.Statement.Name)
			var items []zkverify.Item
			for range *distinct {
				item, err := made.prove(ctx)
				if err != nil {
					return err
				}
				items = append(items, item)
			}
			proofs = append(proofs, items)
		}
		return measureVerifier(ctx, p, r, proofs)
	}
}

func measureVerifier(ctx context.Context, p plan, r *report, proofs [][]zkverify.Item) error {
	cores := runtime.GOMAXPROCS(0)
	var every []zkverify.Item
	for i := range proofs[0] {
		for _, of := range proofs {
			every = append(every, of[i])
		}
	}
	few, same, mixed, damaged := proofs[0], repeat(proofs[0]), repeat(every), repeat(proofs[0])
	damaged[batchSize/3].Proof = swapped(damaged[batchSize/3].Proof)
	theirs, err := newGnarkVerifier(few)
	if err != nil {
		return err
	}
	r.progress("verifying")
	rates, costs := make([]series, 6), make([]series, 6) // proofs a second, and CPU time a proof in ms
	rate := func(i, proofs int, work func() error) measure {
		return func(context.Context) error {
			x, cost, err := perSecond(p.slice()/10, proofs, work) // many short rounds: a batch takes some ten milliseconds
			rates[i], costs[i] = append(rates[i], x), append(costs[i], cost)
			return err
		}
	}
	err = interleave(ctx, p,
		rate(0, len(few), func() error { return oneByOne(few, 1) }),
		rate(1, len(few), theirs.verifyAll),
		rate(2, batchSize, func() error { return oneByOne(same, cores) }),
		rate(3, batchSize, func() error { return batch(same, 0) }),
		rate(4, batchSize, func() error { return batch(mixed, 0) }),
		rate(5, batchSize, func() error { return batch(damaged, 1) }))
	if err != nil {
		return err
	}
	alone, gnarks, each, atOnce, ofAll, withBad := rates[0], rates[1], rates[2], rates[3], rates[4], rates[5]
	ideal := alone.scaled(float64(cores))
	const limit = "; limit: the same proofs one by one on all cores; CPU time a proof %s ms against %s ms"
	cost := func(i int) string { return short(costs[i].median()) }
	err = errors.Join(
		r.figure("verify/single/time", "ms", milliseconds(alone), milliseconds(gnarks),
			"a proof at a time on one core; limit: gnark's groth16.Verify of the same proofs, on as many cores as it takes"),
		r.figure("verify/single/rate", "proofs/s", each, ideal, "%d proofs one by one, on all cores; limit: the rate on one core times the number of cores", batchSize),
		r.figure("verify/batch64/rate", "proofs/s", atOnce, each, "%d proofs of one statement at once, %d of them distinct"+limit, batchSize, len(few), cost(3), cost(2)),
		r.figure("verify/batch64-one-bad/rate", "proofs/s", withBad, each, "%d proofs at once, one of which is invalid and is found by bisection"+limit, batchSize, cost(5), cost(2)),
	)
	if err != nil || len(proofs) == 1 {
		return err
	}
	return r.figure("verify/batch64-mixed/rate", "proofs/s", ofAll, each, "%d proofs of %d statements at once, %d of them distinct"+limit, batchSize, len(proofs), min(batchSize, len(every)), cost(4), cost(2))
}

// milliseconds turns rates into the time of one.
func milliseconds(rates series) series {
	times := make(series, len(rates))
	for i, x := range rates {
		times[i] = 1e3 / x
	}
	return times
}

// perSecond calls work until the time is over, and says how many proofs that were a second, and what CPU time a proof took in ms.
func perSecond(d time.Duration, proofs int, work func() error) (rate, cost float64, err error) {
	start, computed := time.Now(), cpuTime()
	done := 0
	for done == 0 || time.Since(start) < d {
		if err := work(); err != nil {
			return 0, 0, err
		}
		done += proofs
	}
	return float64(done) / time.Since(start).Seconds(), (cpuTime() - computed).Seconds() * 1e3 / float64(done), nil
}

// repeat fills a batch from a few proofs.
func repeat(proofs []zkverify.Item) []zkverify.Item {
	items := make([]zkverify.Item, batchSize)
	for i := range items {
		items[i] = proofs[i%len(proofs)]
	}
	return items
}

// swapped is a well-formed proof that proves nothing: A and C change places.
func swapped(proof []byte) []byte {
	const g1, g2 = 32, 64
	bad := append([]byte(nil), proof[g1+g2:2*g1+g2]...)
	bad = append(bad, proof[g1:g1+g2]...)
	bad = append(bad, proof[:g1]...)
	return append(bad, proof[2*g1+g2:]...)
}

func oneByOne(items []zkverify.Item, cores int) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	var failed atomic.Pointer[error]
	for range cores {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				if err := zkverify.Verify(items[i].VK, items[i].Proof, items[i].Public); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return fmt.Errorf("a valid proof didn't verify: %w", *err)
	}
	return nil
}

// batch verifies proofs at once, of which so many are invalid.
func batch(items []zkverify.Item, invalid int) error {
	bad := 0
	for _, err := range zkverify.VerifyBatch(items) {
		if err != nil {
			bad++
		}
	}
	if bad != invalid {
		return fmt.Errorf("%d of %d proofs were refused, and %d are invalid", bad, len(items), invalid)
	}
	return nil
}

// gnarkVerifier has proofs in gnark's form.
type gnarkVerifier struct {
	vk     groth16_bn254.VerifyingKey
	proofs []*groth16_bn254.Proof
	public []witness.Witness
}

func newGnarkVerifier(items []zkverify.Item) (*gnarkVerifier, error) {
	v := new(gnarkVerifier)
	key := items[0].VK.Points()
	v.vk.G1.Alpha, v.vk.G1.K = key.Alpha, key.K
	v.vk.G2.Beta, v.vk.G2.Gamma, v.vk.G2.Delta = key.Beta, key.Gamma, key.Delta
	if c := key.Commitment; c != nil {
		v.vk.CommitmentKeys = []pedersen.VerifyingKey{{G: c.G, GSigmaNeg: c.GSigmaNeg}}
		v.vk.PublicAndCommitmentCommitted = [][]int{c.Committed}
	}
	if err := v.vk.Precompute(); err != nil {
		return nil, fmt.Errorf("couldn't convert the verifying key to gnark's form: %w", err)
	}
	for _, item := range items {
		p, err := zkverify.ParseProof(item.Proof, item.VK)
		if err != nil {
			return nil, err
		}
		theirs := &groth16_bn254.Proof{Ar: p.A, Bs: p.B, Krs: p.C}
		if c := p.Commitment; c != nil {
			theirs.Commitments, theirs.CommitmentPok = []bn254.G1Affine{c.D}, c.Knowledge
		}
		v.proofs = append(v.proofs, theirs)
		public, err := witness.New(ecc.BN254.ScalarField())
		if err != nil {
			return nil, err
		}
		values := make(chan any, len(item.Public))
		for _, x := range item.Public {
			var value fr.Element
			if err := value.SetBytesCanonical(x[:]); err != nil {
				return nil, fmt.Errorf("couldn't read a public input: %w", err)
			}
			values <- value
		}
		close(values)
		if err := public.Fill(len(item.Public), 0, values); err != nil {
			return nil, err
		}
		v.public = append(v.public, public)
	}
	return v, nil
}

func (v *gnarkVerifier) verifyAll() error {
	for i := range v.proofs {
		if err := groth16.Verify(v.proofs[i], &v.vk, v.public[i]); err != nil {
			return fmt.Errorf("gnark refuses a valid proof: %w", err)
		}
	}
	return nil
}
