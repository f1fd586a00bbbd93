package worker

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"

	"github.com/consensys/gnark/frontend"
)

// Log is what a worker asks of its log. What comes back was verified: [Client] does that.
type Log interface {
	// Event fetches an event's entry, proven to be in the log.
	Event(ctx context.Context, digest event.Digest) (*client.Receipt, error)
	// Resolver finds the events that claims refer to, proven to be in the log.
	Resolver(ctx context.Context) statement.TreeResolver
	// Statements lists the registered statements.
	Statements(ctx context.Context) ([]*client.Statement, error)
	// Provers lists the provers that take witnesses now.
	Provers(ctx context.Context) ([]client.Prover, error)
	// Verify gathers the evidence about an entry and verifies it: that whoever signed it had the right to.
	Verify(ctx context.Context, index int64) error
	// ProvingKey opens a statement's proving key for reading.
	ProvingKey(ctx context.Context, s *client.Statement, offset int64) (io.ReadCloser, error)
}

// Recorder adds attestations to the log: a *client.Source.
type Recorder interface {
	Record(ctx context.Context, d client.Draft) (*client.Receipt, error)
	// Err is why nothing can be added any more; nil as long as something can.
	Err() error
}

// Witnesses hands out sealed witnesses. Of one that is not there any more, the error wraps the one that [Gone] knows.
type Witnesses interface {
	Witness(ctx context.Context, digest event.Digest) ([]byte, error)
}

// Prover makes a proof with loaded keys.
type Prover interface {
	Prove(ctx context.Context, k *keys.Keys, assignment frontend.Circuit) ([]byte, error)
}

// gnark is the prover of package keys.
type gnark struct{}

func (gnark) Prove(ctx context.Context, k *keys.Keys, assignment frontend.Circuit) ([]byte, error) {
	return keys.Prove(ctx, k.ProvingKey, k.ConstraintSystem, assignment)
}

// Client is a log over HTTP.
type Client struct{ *client.Client }

// Verify implements [Log].
func (c Client) Verify(ctx context.Context, index int64) error {
	receipt, err := c.Entry(ctx, index)
	if err != nil {
		return err
	}
	head, err := verify.OpenHead(receipt.Note, c.Key())
	if err != nil {
		return err
	}
	evidence, err := verify.Gather(ctx, c.Library(), index, head.Size)
	if err != nil {
		return err
	}
	if _, err := evidence.Verify(c.Key()); err != nil {
		return fmt.Errorf("entry %d does not hold: %w", index, err)
	}
	return nil
}

// Self is what the log knows of a worker.
type Self struct {
	Name       string
	Registered int64 // the index of its registration
}

// Check finds the registration of a prover in the log, verified, and makes sure that it is the one that key and identity belong to: a worker
// that signs with another key is refused, and one that opens with another identity would call good witnesses undecryptable.
func (c Client) Check(ctx context.Context, name string, key ed25519.PrivateKey, identity *age.X25519Identity) (Self, error) {
	fail := func(format string, args ...any) (Self, error) {
		return Self{}, fmt.Errorf("couldn't work as "+name+": "+format, args...)
	}
	indices, err := c.Library().SourceEntries(ctx, name)
	if err != nil {
		return fail("%w", err)
	}
	if len(indices) == 0 {
		return fail("the log has no such source: hand its request to the operator, who registers it with attestlogd source add --role prover")
	}
	registration, last, err := c.keyEvents(ctx, name, indices)
	if err != nil {
		return fail("%w", err)
	}
	switch own := key.Public().(ed25519.PublicKey); {
	case registration.Role != event.RoleProver:
		return fail("it is registered as %s, and only a prover attests", registration.Role)
	case registration.Recipient == "":
		return fail("it is registered without a recipient, so that nobody seals witnesses to it")
	case registration.Recipient != identity.Recipient().String():
		return fail("it is registered with the recipient %s, and the identity at hand is that of %s", registration.Recipient, identity.Recipient())
	case last.Action == event.SourceRevoke:
		return fail("its key was revoked")
	case !own.Equal(ed25519.PublicKey(last.Key)):
		return fail("the key at hand is %s, and the log has %s for it", event.KeyID(own), event.KeyID(last.Key))
	}
	return Self{Name: name, Registered: indices[0]}, nil
}

// keyEvents fetches the first and the last event about a source's key, and verifies them.
func (c Client) keyEvents(ctx context.Context, name string, indices []int64) (first, last *event.SourceClaims, err error) {
	fetch := func(index int64) (*event.SourceClaims, error) {
		if err := c.Verify(ctx, index); err != nil {
			return nil, err
		}
		receipt, err := c.Entry(ctx, index)
		if err != nil {
			return nil, err
		}
		entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
		if err != nil {
			return nil, err
		}
		claims, ok := entry.Event.Claims.(*event.SourceClaims)
		if !ok || claims.Source != name {
			return nil, errors.New("the log answers with an entry that isn't about it")
		}
		return claims, nil
	}
	if first, err = fetch(indices[0]); err != nil {
		return nil, nil, err
	}
	if first.Action != event.SourceRegister {
		return nil, nil, errors.New("the log doesn't say how it was registered")
	}
	last, err = fetch(indices[len(indices)-1])
	return first, last, err
}
