package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/statement"
)

const (
	// constraintsPerRecord is what a data access may cost: 256,000 constraints for 64 records.
	constraintsPerRecord = 4000
	// constraintsPerRow is what an anonymization may cost where the chunk is large: 393,216 for 1,024 rows.
	constraintsPerRow = 384
	// timeLimit is how long the larger class of a statement may take on two cores, in seconds; anonymizationLimit that of the
	// anonymization of 1,024 rows.
	timeLimit, anonymizationLimit = 8, 6.5
	// memoryLimit is how much memory a process may need that proves, in GiB.
	memoryLimit = 1.5
	// overheadLimit is how much longer than the bare prover a proof may take.
	overheadLimit = 1.1
	// coldProofs is how many proofs the process makes whose memory is measured: a second one finds the garbage of the first.
	coldProofs = 2
)

// stepConstraints is what a training step may cost, by the rows of its batch.
var stepConstraints = map[int]int{32: 150_000, 128: 340_000}

// allowed is how many constraints a statement may have, and why.
func allowed(made *prover) (constraints int, why string) {
	s := made.circuit.Statement
	switch {
	case s.Proves == event.DataAccess:
		return constraintsPerRecord * s.Capacity, fmt.Sprintf("the target, %d a record", constraintsPerRecord)
	case s.Proves == event.Anonymization && s.Capacity >= 1024:
		return constraintsPerRow * s.Capacity, fmt.Sprintf("the target, %d a row", constraintsPerRow)
	case s.Proves == event.TrainingStep && stepConstraints[s.Capacity] > 0:
		return stepConstraints[s.Capacity], "the target"
	}
	return 1 << bits.Len(uint(made.keys.ConstraintSystem.GetNbConstraints()-1)), "the prover's domain, the next power of two"
}

// larger tells whether a statement is the larger class of its kind.
func larger(s statement.Statement) bool {
	smaller := false
	for _, other := range statement.All() {
		if other.Proves == s.Proves && other.Capacity > s.Capacity {
			return false
		}
		smaller = smaller || other.Proves == s.Proves && other.Capacity < s.Capacity
	}
	return smaller
}

func bindProve(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	f := new(proverFlags)
	f.bind(fs)
	return func(ctx context.Context, p plan, r *report) error {
		quietGnark(r)
		circuits, err := f.circuits()
		if err != nil {
			return err
		}
		var largest onceOrder
		constraints := 0
		for _, c := range circuits {
			made, err := f.open(ctx, r, c)
			if err != nil {
				return err
			}
			if err := measureProver(ctx, p, r, made); err != nil {
				return err
			}
			order := onceOrder{Keys: f.keys, Statement: c.Statement.Name, ID: made.keys.VerifyingKey.Digest()}
			if n := made.keys.ConstraintSystem.GetNbConstraints(); n > constraints {
				largest, constraints = order, n
			}
			order.Proofs = coldProofs
			if err := measureMemory(ctx, r, order); err != nil {
				return err
			}
		}
		return measureLoad(ctx, p, r, largest)
	}
}

// measureMemory reports what a process needs that does nothing but prove one statement.
func measureMemory(ctx context.Context, r *report, order onceOrder) error {
	r.progress("proving %s in a process of its own", order.Statement)
	result, err := once(ctx, r, order)
	if err != nil {
		return err
	}
	return r.figure("prove/"+order.Statement+"/memory", "GiB", series{float64(result.Peak) / (1 << 30)}, series{memoryLimit},
		"peak of resident memory of a process that compiles the circuit, loads the keys and makes %d proofs; limit: the target", order.Proofs)
}

// measureProver compares what an application waits for with gnark's prover alone, on the same circuit and the same key.
func measureProver(ctx context.Context, p plan, r *report, made *prover) error {
	name := made.circuit.Statement.Name
	ccs := made.keys.ConstraintSystem
	limit, why := allowed(made)
	err := r.figure("prove/"+name+"/constraints", "constraints", series{float64(ccs.GetNbConstraints())}, series{float64(limit)},
		"rank-1 constraints over BN254's scalar field, the same on every machine; limit: %s", why)
	if err != nil {
		return err
	}
	r.progress("proving %s", name)
	assignment, err := made.assign()
	if err != nil {
		return err
	}
	witness, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		return err
	}
	if _, err := made.prove(ctx); err != nil { // the first proof warms caches and the heap up, and is not counted
		return err
	}
	hints := backend.WithSolverOptions(solver.WithHints(gadget.Hints()...))
	var ours, bare, oursCPU, bareCPU series
	timed := func(wall, cpu *series, work func(context.Context) error) measure {
		return func(ctx context.Context) error {
			start, computed := time.Now(), cpuTime()
			err := work(ctx)
			*wall, *cpu = append(*wall, time.Since(start).Seconds()), append(*cpu, (cpuTime()-computed).Seconds())
			return err
		}
	}
	err = interleave(ctx, p,
		timed(&ours, &oursCPU, func(ctx context.Context) error {
			_, err := made.prove(ctx)
			return err
		}),
		timed(&bare, &bareCPU, func(context.Context) error {
			_, err := groth16.Prove(ccs, made.keys.ProvingKey, witness, hints)
			return err
		}))
	if err != nil {
		return err
	}
	ratio := ours.over(bare)
	errs := []error{
		r.figure("prove/"+name+"/time", "s", ours, bare,
			"%s, proven, and the proof verified, with the keys in memory; limit: bare groth16.Prove with the same circuit and key and a finished witness; "+
				"CPU time of all cores %s s against %s s, ratio by round with median %s; %d constraints",
			made.what(), short(oursCPU.median()), short(bareCPU.median()), short(oursCPU.over(bareCPU).median()), ccs.GetNbConstraints()),
		r.figure("prove/"+name+"/ratio", "×", ratio, series{overheadLimit}, "the same time over that of bare groth16.Prove, round by round; limit: the target"),
	}
	if s := made.circuit.Statement; larger(s) {
		most := float64(timeLimit)
		if s.Proves == event.Anonymization {
			most = anonymizationLimit
		}
		errs = append(errs, r.figure("prove/"+name+"/limit", "s", ours, series{most}, "the same time once more; limit: the target for two cores"))
	}
	return errors.Join(errs...)
}
