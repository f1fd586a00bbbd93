package main

import (
	"context"
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
)

// constraintsPerRecord is what a data access may cost: 256,000 constraints for 64 records.
const constraintsPerRecord = 4000

// allowed is how many constraints a statement may have, and why.
func allowed(made *prover) (constraints int, why string) {
	if s := made.circuit.Statement; s.Proves == event.DataAccess {
		return constraintsPerRecord * s.Capacity, fmt.Sprintf("%d a record", constraintsPerRecord)
	}
	return 1 << bits.Len(uint(made.keys.ConstraintSystem.GetNbConstraints()-1)), "the prover's domain, the next power of two"
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
		for _, c := range circuits {
			made, err := f.open(ctx, r, c)
			if err != nil {
				return err
			}
			if err := measureProver(ctx, p, r, made); err != nil {
				return err
			}
		}
		return nil
	}
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
	return r.figure("prove/"+name+"/time", "s", ours, bare,
		"%s, proven, and the proof verified, with the keys in memory; limit: bare groth16.Prove with the same circuit and key and a finished witness; "+
			"CPU time of all cores %s s against %s s, ratio by round with median %s; %d constraints",
		made.what(), short(oursCPU.median()), short(bareCPU.median()), short(oursCPU.over(bareCPU).median()), ccs.GetNbConstraints())
}
