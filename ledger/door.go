package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// candidate is a submission on its way into the log. The door fills it in parallel with others; from then on it belongs to
// the sequencer, until its waiter is woken.
type candidate struct {
	sub    *event.Submission
	event  *event.Event
	digest event.Digest
	// body is the canonical submission, which becomes the leaf once the log's time is known: then it is no longer here.
	body []byte
	// refs are the events that the claims refer to; needs are those of them that stand before it in the same request.
	refs  []resolved
	needs []*candidate
	// sealed is the SHA-256 of the witness that came along; zero if none did.
	sealed event.Digest
	// attested is the event that this one attests, with what its claims refer to.
	attested *candidate
	// request is shared by all that came together, datasets by all candidates.
	request  *request
	datasets *datasets

	// What became of it: exactly one of these is set in the end.

	refusal   *Refusal
	duplicate *tilestore.Row // it is in the log already
	placed    *placement     // it got its place
}

// placement is an accepted candidate's place in the log, not yet committed when it is made.
type placement struct {
	index, logged int64
	leaf          []byte
}

// resolved is an event that claims refer to, or one that such an event refers to.
type resolved struct {
	digest event.Digest
	event  *event.Event
	root   *hash // of the tree that ends with it, where that matters
}

// Event makes a candidate the resolver of its own references.
func (c *candidate) Event(d event.Digest) (*event.Event, error) {
	for _, r := range c.refs {
		if r.digest == d {
			return r.event, nil
		}
	}
	return nil, fmt.Errorf("event %s is not in the log", d)
}

// RootThrough makes it a statement.TreeResolver.
func (c *candidate) RootThrough(d event.Digest) (root [32]byte, err error) {
	for _, r := range c.refs {
		if r.digest == d && r.root != nil {
			return *r.root, nil
		}
	}
	return root, fmt.Errorf("event %s has no place in the log yet: submit the run first, and prove its steps when it is in the log", d)
}

// request is what one call of Submit brought.
type request struct {
	// failed has the sources of which an event failed: later ones of them are not judged. Of one that came alone it stays nil.
	failed map[string]bool
}

// fail refuses a candidate, and with it what the same source says later in the request.
func (c *candidate) fail(r *Refusal) {
	c.refusal = r
	if c.event == nil || c.request == nil {
		return
	}
	if c.request.failed == nil {
		c.request.failed = map[string]bool{}
	}
	c.request.failed[c.event.Source] = true
}

// depends tells whether an earlier event of the same source failed or one that the claims refer to; it then fails, too.
func (c *candidate) depends() bool {
	if c.request.failed[c.event.Source] {
		c.fail(&Refusal{Code: DependsOn, Detail: fmt.Sprintf(
			"an earlier event of source %s in this request was refused, so this one was not judged; number and sign it anew", c.event.Source)})
		return true
	}
	for _, n := range c.needs {
		if n.refusal != nil {
			c.fail(&Refusal{Code: UnknownReference, Detail: fmt.Sprintf("event %s, which the claims refer to, was refused", n.digest)})
			return true
		}
	}
	return false
}

// door judges all that can be judged of an event before it has a place: form, signature, references, claims and proof. It
// judges by the state that is committed, in parallel; the sequencer judges what depends on the order again.
type door struct {
	origin   string
	slots    chan struct{} // one for each core: bounds how many goroutines compute
	store    *tilestore.Store
	referred *referred
	datasets *datasets
	keys     *verifyingKeys
	proofs   *proofChecker
}

func newDoor(origin string, store *tilestore.Store, m *metrics) *door {
	return &door{
		origin:   origin,
		slots:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		store:    store,
		referred: &referred{store: store, known: map[event.Digest]*event.Event{}},
		datasets: &datasets{known: map[event.Digest]event.Element{}},
		keys:     &verifyingKeys{known: map[event.Digest]*zkverify.VerifyingKey{}},
		proofs:   newProofChecker(m),
	}
}

// admit judges submissions against the committed state. The error, if any, is the database's or the context's, and nothing was decided.
func (d *door) admit(ctx context.Context, s *state, subs []*event.Submission) ([]*candidate, error) {
	all := make([]candidate, len(subs))
	list := make([]*candidate, len(subs))
	shared := &request{}
	var changes atomic.Bool
	d.each(len(subs), func(i int) {
		c := &all[i]
		c.sub, c.request, c.datasets, list[i] = subs[i], shared, d.datasets, c
		d.open(c)
		if c.event != nil && verify.Changes(c.event.Kind()) {
			changes.Store(true)
		}
	})
	registry := s.registry.Load()
	if changes.Load() {
		registry = d.identifyInOrder(registry, s.size.Load(), list)
	} else {
		d.each(len(list), func(i int) { identify(registry, s.size.Load(), list[i]) })
	}
	if err := d.findDuplicates(ctx, s, list); err != nil {
		return nil, err
	}
	shared.failed = nil
	d.hashWitnesses(list)
	if err := d.judgeClaims(ctx, registry, list); err != nil {
		return nil, err
	}
	if err := d.judgeProofs(ctx, registry, list); err != nil {
		return nil, err
	}
	d.settle(list)
	return list, nil
}

// each runs f for 0 to n−1, in parallel where there is much, never on more cores than there are.
func (d *door) each(n int, f func(i int)) {
	const chunk = 32
	var next atomic.Int64
	work := func() {
		for {
			to := int(next.Add(chunk))
			from := to - chunk
			if from >= n {
				return
			}
			d.slots <- struct{}{}
			for i := from; i < min(to, n); i++ {
				f(i)
			}
			<-d.slots
		}
	}
	var wg sync.WaitGroup
	for range min(cap(d.slots), (n+chunk-1)/chunk) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// open decodes a submission and checks what needs no state.
func (d *door) open(c *candidate) {
	sub := c.sub
	if len(sub.Proof) > event.MaxProof {
		c.refusal = &Refusal{Code: ProofInvalid, Check: "encoding", Detail: fmt.Sprintf("a proof has at most %d bytes, not %d", event.MaxProof, len(sub.Proof))}
		return
	}
	if len(sub.Envelope.Payload) > event.MaxPayload {
		c.refusal = &Refusal{Code: TooLarge, Detail: fmt.Sprintf("the payload has %d bytes; with it, an entry would have more than %d", len(sub.Envelope.Payload), event.MaxLeaf)}
		return
	}
	if len(sub.Witness) > event.MaxWitness {
		c.refusal = &Refusal{Code: TooLarge, Detail: fmt.Sprintf("a sealed witness has at most %d bytes, not %d", event.MaxWitness, len(sub.Witness))}
		return
	}
	e, err := sub.Envelope.Open()
	if err != nil {
		c.refusal = &Refusal{Code: Malformed, Detail: err.Error()}
		return
	}
	c.event, c.digest = e, sub.Envelope.Digest()
	if e.Log != d.origin {
		c.refusal = &Refusal{Code: WrongLog, Detail: fmt.Sprintf("the event is meant for the log %q; this one is %q", e.Log, d.origin)}
		return
	}
	if len(sub.Witness) > 0 {
		sub = sub.WithoutWitness() // the log's part of it
	}
	if c.body, err = sub.Encode(); err != nil {
		c.refusal = &Refusal{Code: Malformed, Detail: err.Error()}
	} else if len(c.body)+stampSize > event.MaxLeaf {
		c.refusal = &Refusal{Code: TooLarge, Detail: fmt.Sprintf("the entry would have more than %d bytes", event.MaxLeaf)}
	}
}

// identifyInOrder is for requests that change who may sign: each event is judged after those before it. It gives the
// registry as it is after all of them; the one given stays as it is, and is copied only for who is entitled to change it.
func (d *door) identifyInOrder(registry *verify.Registry, size int64, list []*candidate) *verify.Registry {
	own := false
	for i, c := range list {
		identify(registry, size+int64(i), c)
		if c.refusal == nil && verify.Changes(c.event.Kind()) {
			if !own {
				registry, own = registry.Clone(), true
			}
			registry.Apply(size+int64(i), c.event, c.sub.Envelope.KeyID)
		}
	}
	return registry
}

// identify checks the signature under the key that the source has, and what the source may say.
func identify(registry *verify.Registry, index int64, c *candidate) {
	if c.refusal != nil {
		return
	}
	envelope := &c.sub.Envelope
	key, err := registry.Signer(c.event, envelope.KeyID)
	outdated := err
	if err != nil {
		// Only an event that is in the log already can be signed by a key that ended.
		if key = formerKey(registry, c.event.Source, envelope.KeyID); key == nil {
			c.refusal = refuseViolation(err)
			return
		}
	}
	if err := envelope.Verify(key); err != nil {
		c.refusal = &Refusal{Code: BadSignature, Detail: err.Error() + "; sign the payload's DSSE pre-authentication encoding with the source's key"}
		return
	}
	if outdated != nil {
		c.refusal = refuseViolation(outdated)
		return
	}
	if err := registry.Judge(index, c.event, envelope.KeyID); err != nil {
		c.refusal = refuseViolation(err)
	}
}

// formerKey finds a key that the source had once.
func formerKey(registry *verify.Registry, source string, id event.Digest) []byte {
	s, ok := registry.Source(source)
	if !ok {
		return nil
	}
	for _, k := range s.Keys {
		if k.ID == id {
			return k.Key
		}
	}
	return nil
}

// resendable are the refusals that an event may get that is in the log already: what was true of it when it was taken need
// not be true any more.
func resendable(code Code) bool {
	switch code {
	case RevokedKey, NotPermitted, RevokedStatement, ClaimsOutOfRange, SequenceFork:
		return true
	}
	return false
}

// findDuplicates finds what is in the log already. A source's numbers have no gaps, so only an event whose number is used can be.
func (d *door) findDuplicates(ctx context.Context, s *state, list []*candidate) error {
	chains, err := s.chains.of(ctx, d.store, list)
	if err != nil {
		return err
	}
	var suspects []*candidate
	var digests []event.Digest
	for i, c := range list {
		if c.event == nil || c.refusal != nil && !resendable(c.refusal.Code) || c.event.Seq >= chains[i].Seq {
			continue
		}
		suspects, digests = append(suspects, c), append(digests, c.digest)
		if c.refusal == nil {
			c.refusal = refuseViolation(chains[i].Judge(c.event))
		}
	}
	if suspects == nil {
		return nil
	}
	rows, err := d.store.RowsByDigest(ctx, digests)
	if err != nil {
		return fmt.Errorf("couldn't look for duplicates: %w", err)
	}
	for _, c := range suspects {
		if row, ok := rows[c.digest]; ok {
			c.duplicate, c.refusal = &row, nil
		}
	}
	return nil
}

// judgeClaims holds claims against what they refer to, in the order of the request.
func (d *door) judgeClaims(ctx context.Context, registry *verify.Registry, list []*candidate) error {
	var earlier map[event.Digest]*candidate // those of this request
	if len(list) > 1 {
		earlier = make(map[event.Digest]*candidate, len(list))
	}
	for _, c := range list {
		switch {
		case c.event == nil || c.duplicate != nil:
			continue
		case c.refusal != nil:
			c.fail(c.refusal)
			continue
		case c.depends():
			continue
		}
		if r := judgeProofMode(registry, c); r != nil {
			c.fail(r)
			continue
		}
		if claims, ok := c.event.Claims.(*event.StatementClaims); ok {
			if r := refuse(verify.JudgeStatement(claims)); r != nil {
				c.fail(r)
				continue
			}
		}
		for _, ref := range verify.References(c.event.Claims) {
			if err := d.resolve(ctx, c, ref, earlier); err != nil {
				return err
			}
		}
		if c.refusal == nil && earlier != nil {
			earlier[c.digest] = c
		}
	}
	return nil
}

// resolve finds one event that the claims refer to, in the log or earlier in the request, and holds the claims against it.
func (d *door) resolve(ctx context.Context, c *candidate, ref verify.Reference, earlier map[event.Digest]*candidate) error {
	if c.refusal != nil {
		return nil
	}
	var to *event.Event
	if c.event.Kind() == event.Attestation {
		return d.resolveAttested(ctx, c, ref)
	}
	if other := earlier[ref.Event]; other != nil {
		to, c.needs = other.event, append(c.needs, other)
	} else {
		var err error
		if to, err = d.referred.find(ctx, ref.Event); err != nil {
			return fmt.Errorf("couldn't look up what the claims refer to: %w", err)
		}
	}
	if to == nil {
		c.fail(&Refusal{Code: UnknownReference, Check: ref.Member,
			Detail: fmt.Sprintf("%s names event %s, which is not in this log; submit it first", ref.Member, ref.Event)})
		return nil
	}
	if r := judgeReference(c.event.Claims, ref, to); r != nil {
		c.fail(r)
		return nil
	}
	c.refs = append(c.refs, resolved{digest: ref.Event, event: to})
	return d.resolveRun(ctx, c, earlier)
}

// resolveRun finds what a training step that is proven, now or later, rests on beside the run, which was resolved last: the run's data set, and the
// tree that ends with the run. A run that comes along with the step is in no tree yet.
func (d *door) resolveRun(ctx context.Context, c *candidate, earlier map[event.Digest]*candidate) error {
	at := &c.refs[len(c.refs)-1]
	run, ok := at.event.Claims.(*event.TrainingRunClaims)
	if c.event.Kind() != event.TrainingStep || c.event.Proof == event.ProofNone || !ok || earlier[at.digest] != nil {
		return nil
	}
	root, err := d.referred.rootThrough(ctx, at.digest)
	if err != nil {
		return fmt.Errorf("couldn't find the tree that ends with a training run: %w", err)
	}
	at.root = &root
	data, err := d.referred.find(ctx, run.Dataset)
	if err != nil {
		return fmt.Errorf("couldn't look up the data set of a training run: %w", err)
	}
	if data == nil {
		return fmt.Errorf("couldn't look up the data set of a training run: entry %s names %s, and the log has none such", at.digest, run.Dataset)
	}
	c.refs = append(c.refs, resolved{digest: run.Dataset, event: data})
	return nil
}

// judgeProofs has the proofs of a request checked, together with those of others. Of an event whose proof is deferred it derives the public
// inputs all the same: an event that no proof could ever be about is refused now, not by a worker later.
func (d *door) judgeProofs(ctx context.Context, registry *verify.Registry, list []*candidate) error {
	var proven []*candidate
	var proofs []sentProof
	for _, c := range list {
		if c.refusal != nil || c.duplicate != nil {
			continue
		}
		of, proof := c.proves()
		if of == nil {
			continue
		}
		item, refusal := d.keys.proofItem(registry, of, proof)
		switch {
		case refusal != nil:
			c.fail(refusal)
		case proof != nil:
			proven, proofs = append(proven, c), append(proofs, sentProof{c.event.Source, item})
		}
	}
	verdicts, err := d.proofs.check(ctx, proofs)
	if err != nil {
		return fmt.Errorf("couldn't wait for proofs to be checked: %w", err)
	}
	for i, err := range verdicts {
		switch {
		case errors.Is(err, errUnchecked): // settle refuses it for the sake of the one before
		case errors.Is(err, errApartFull):
			proven[i].fail(busyApart())
		case err != nil:
			proven[i].fail(refuseProof(err))
		}
	}
	return nil
}

// settle goes through the request once more, in order: what came after an event whose proof failed fails with it.
func (d *door) settle(list []*candidate) {
	list[0].request.failed = nil
	for _, c := range list {
		switch {
		case c.event == nil || c.duplicate != nil:
		case c.refusal != nil:
			c.fail(c.refusal)
		default:
			c.depends()
		}
	}
	// What is left is judged at sequencing, where the failures count anew, in order.
	list[0].request.failed = nil
}

// refuse is refuseViolation, or nil where nothing is broken.
func refuse(err error) *Refusal {
	if err == nil {
		return nil
	}
	return refuseViolation(err)
}

// refuseViolation says in the ledger's terms that a rule of the log is broken.
func refuseViolation(err error) *Refusal {
	var v *verify.Violation
	if !errors.As(err, &v) {
		return &Refusal{Code: Malformed, Detail: err.Error()}
	}
	r := &Refusal{Code: Code(v.Rule), Detail: v.Detail, Check: v.Check}
	if v.Expected != nil {
		r.Expected = &Next{Seq: v.Expected.Seq, Prev: v.Expected.Prev}
	}
	return r
}
