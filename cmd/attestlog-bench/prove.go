package main

import (
	"context"
	"flag"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/frontend"
)

// constraintsPerRecord is what a statement may cost: 256,000 constraints for 64 records.
const constraintsPerRecord = 4000

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
	err := r.figure("prove/"+name+"/constraints", "constraints", series{float64(ccs.GetNbConstraints())},
		series{float64(constraintsPerRecord * made.circuit.Statement.Capacity)},
		"rank-1 constraints over BN254's scalar field, the same on every machine; limit: %d a record", constraintsPerRecord)
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
	var ours, bare series
	err = interleave(ctx, p,
		func(ctx context.Context) error {
			start := time.Now()
			_, err := made.prove(ctx)
			ours = append(ours, time.Since(start).Seconds())
			return err
		},
		func(context.Context) error {
			start := time.Now()
			_, err := groth16.Prove(ccs, made.keys.ProvingKey, witness)
			bare = append(bare, time.Since(start).Seconds())
			return err
		})
	if err != nil {
		return err
	}
	return r.figure("prove/"+name+"/time", "s", ours, bare,
		"claims checked against the witness, assigned, proven, and the proof verified, with the keys in memory; limit: bare groth16.Prove with the same circuit and key and a finished witness; %d constraints",
		ccs.GetNbConstraints())
}
