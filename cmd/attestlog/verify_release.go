package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// part is what chunks have in common that may make one release together.
type part struct {
	raw       event.Digest
	hierarchy event.Element
	chunkRows int64
}

// release verifies that a data set is the anonymized form of another: all its chunks, and that they are all.
func (v *verifyCommand) release(ctx context.Context, t *terminal, ref reference) error {
	r, err := v.log.connect(t)
	if err != nil {
		return err
	}
	_, entry, err := r.entry(ctx, ref)
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	if entry.Event.Kind() != event.Dataset {
		return fmt.Errorf("entry %d is an event of kind %s, not a data set", entry.Index, entry.Event.Kind())
	}
	whole, err := verifyChunksOf(ctx, r, entry)
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	t.say("Verdict: PROVEN")
	t.relyOnStatements(whole.Statements...)
	t.say("")
	t.say("%s", wrap(whole.String(), "", 110))
	t.say("\nWhat is proven of each chunk, and what stays trusted: attestlog verify %d and so on.", whole.Entries[0])
	if t.json {
		t.printJSON(map[string]any{"verdict": verify.Proven, "raw": whole.Raw, "released": whole.Released, "rows": whole.Rows, "k": whole.K,
			"l": whole.Diversity, "suppressed": whole.Suppressed, "chunks": whole.Entries})
	}
	return nil
}

// verifyChunksOf finds the chunks that were logged of a released data set. Several may have said so of the same chunk, and by several hierarchies: the
// first whole set that holds is taken.
func verifyChunksOf(ctx context.Context, r *remote, released *verify.Entry) (*verify.Release, error) {
	parts := map[part]map[int64][]int64{} // of each, the entries about each chunk
	var order []part
	err := r.EachEntry(ctx, client.Query{Kinds: []event.Kind{event.Anonymization}, Limit: 1000}, func(e *verify.Entry) (more bool) {
		c, ok := e.Event.Claims.(*event.AnonymizationClaims)
		if !ok || c.Released != released.Digest || e.Event.Proof == event.ProofNone {
			return true
		}
		p := part{c.Dataset, c.Hierarchy, c.ChunkRows}
		if parts[p] == nil {
			parts[p] = map[int64][]int64{}
			order = append(order, p)
		}
		parts[p][c.Chunk] = append(parts[p][c.Chunk], e.Index)
		return true
	})
	if err != nil {
		return nil, err
	}
	if len(order) == 0 {
		return nil, &failure{exitUnverified, fmt.Errorf("the log has no anonymization that was proven of entry %d: it is a data set like any other", released.Index)}
	}
	var failed []error
	for _, p := range order {
		var chunks []*verify.Evidence
		for _, entries := range parts[p] {
			ev, err := bestEvidence(ctx, r, entries)
			if err != nil {
				return nil, err
			}
			chunks = append(chunks, ev)
		}
		whole, err := verify.VerifyRelease(r.Key(), r.policy, chunks)
		if err == nil {
			return whole, nil
		}
		failed = append(failed, err)
	}
	return nil, &failure{exitUnverified, errors.Join(failed...)}
}

// bestEvidence is that about the first of some entries that is proven; if none is, that about the last, which then says why not.
// A deferred proof may have been refused, and the chunk claimed once more.
func bestEvidence(ctx context.Context, r *remote, entries []int64) (ev *verify.Evidence, err error) {
	for _, index := range entries {
		if ev, err = r.gather(ctx, reference{index: index}); err != nil {
			return nil, err
		}
		if report, err := ev.VerifyUnder(r.Key(), r.policy); err == nil && report.Verdict == verify.Proven && len(report.Doubts) == 0 {
			return ev, nil
		}
	}
	return ev, nil
}
