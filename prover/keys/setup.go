package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// Keys are what it takes to prove a statement and to verify its proofs.
type Keys struct {
	ConstraintSystem constraint.ConstraintSystem
	ProvingKey       groth16.ProvingKey
	VerifyingKey     *zkverify.VerifyingKey
}

// Progress is told now and then how long a set-up has run, and how long it is
// expected to take on the development machine (2 cores).
type Progress func(elapsed, estimate time.Duration)

// setupPerConstraint is what the estimate rests on.
const setupPerConstraint = 170 * time.Microsecond

// Setup makes new keys for ccs. It is a one-party set-up: whoever runs it could
// keep its secrets and forge proofs, so its keys are shown as UNTRUSTED.
//
// progress may be nil; it is called from one goroutine at a time and not after
// Setup has returned. gnark's set-up cannot be interrupted: a context that ends
// meanwhile makes Setup fail when the computation is done.
func Setup(ctx context.Context, ccs constraint.ConstraintSystem, progress Progress) (*Keys, error) {
	if err := gadget.CheckConstrained(ccs); err != nil {
		return nil, fmt.Errorf("couldn't set up: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("couldn't set up: %w", err)
	}
	stop := report(progress, time.Duration(ccs.GetNbConstraints())*setupPerConstraint)
	pk, gvk, err := groth16.Setup(ccs)
	stop()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't set up: %w", err)
	}
	vk, err := FromGnarkVK(gvk)
	if err != nil {
		return nil, fmt.Errorf("couldn't set up: %w", err)
	}
	return &Keys{ConstraintSystem: ccs, ProvingKey: pk, VerifyingKey: vk}, nil
}

// report calls progress until the returned function is called, which waits for
// the last call to end.
func report(progress Progress, estimate time.Duration) (stop func()) {
	if progress == nil {
		return func() {}
	}
	start := time.Now()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		progress(0, estimate)
		for {
			select {
			case <-ticker.C:
				progress(time.Since(start), estimate)
			case <-quit:
				progress(time.Since(start), estimate)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// Prove proves that assignment satisfies the circuit, and returns the proof in
// the encoding of prover/zkverify. It adds nothing measurable to gnark's
// groth16.Prove. gnark's prover cannot be interrupted: a context that ends
// meanwhile makes Prove fail when the computation is done.
//
// An error says that the assignment does not satisfy the circuit, without
// quoting values: the witness is private.
func Prove(ctx context.Context, pk groth16.ProvingKey, ccs constraint.ConstraintSystem, assignment frontend.Circuit) ([]byte, error) {
	proof, _, err := prove(ctx, pk, ccs, assignment)
	return proof, err
}

func prove(ctx context.Context, pk groth16.ProvingKey, ccs constraint.ConstraintSystem, assignment frontend.Circuit) ([]byte, []event.Element, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("couldn't prove: %w", err)
	}
	witness, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't prove: couldn't build witness: %w", err)
	}
	public, err := publicInputs(witness)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't prove: couldn't read public inputs: %w", err)
	}
	gnarkProof, err := groth16.Prove(ccs, pk, witness, backend.WithSolverOptions(solver.WithHints(gadget.Hints()...)))
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, proveError(err)
	}
	proof, err := EncodeProof(gnarkProof)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't prove: %w", err)
	}
	return proof, public, nil
}

// ErrUnsatisfied says that an assignment does not satisfy its circuit: the claim
// is false, or the witness is not the right one.
var ErrUnsatisfied = errors.New("the witness does not satisfy the circuit")

// Prove proves like [Prove] and verifies the proof (in a millisecond), so that
// damaged or foreign keys cannot make it return one that nobody accepts. public
// are the public inputs that the assignment holds.
func (k *Keys) Prove(ctx context.Context, assignment frontend.Circuit) (proof []byte, public []event.Element, err error) {
	proof, public, err = prove(ctx, k.ProvingKey, k.ConstraintSystem, assignment)
	if err != nil {
		return nil, nil, err
	}
	if err := zkverify.Verify(k.VerifyingKey, proof, public); err != nil {
		return nil, nil, fmt.Errorf("couldn't prove: the proof doesn't verify; the proving key is not this verifying key's: %w", err)
	}
	return proof, public, nil
}
