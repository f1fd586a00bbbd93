package tilestore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/ledger/event"
)

// Attests says what an attestation attests: the index by which attestations are found from the events that they are about.
type Attests struct {
	Event   event.Digest // the attested event
	Outcome event.Outcome
}

// The database's numbers of outcomes.
const (
	codeProven  = 1
	codeRefused = 2
)

func (a *Attests) code() int16 {
	if a.Outcome == event.OutcomeProven {
		return codeProven
	}
	return codeRefused
}

// Attested is what the log holds about one event: the indices of its attestations, −1 where there is none.
type Attested struct {
	Proven, Refused int64
}

// Attested are the attestations of the given events, in one query. Events without any are left out.
func (r reader) Attested(ctx context.Context, digests []event.Digest) (map[event.Digest]Attested, error) {
	wanted := make([][]byte, len(digests))
	for i := range digests {
		wanted[i] = digests[i][:]
	}
	rows, err := r.q.Query(ctx, "SELECT event, outcome, idx FROM attestations WHERE event = ANY($1)", wanted)
	if err != nil {
		return nil, fmt.Errorf("couldn't look up the attestations of %d events: %w", len(digests), err)
	}
	found := map[event.Digest]Attested{}
	var digest []byte
	var outcome int16
	var index int64
	_, err = pgx.ForEachRow(rows, []any{&digest, &outcome, &index}, func() error {
		d := event.Digest(digest)
		a, ok := found[d]
		if !ok {
			a = Attested{Proven: -1, Refused: -1}
		}
		if outcome == codeProven {
			a.Proven = index
		} else {
			a.Refused = index
		}
		found[d] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't look up the attestations of %d events: %w", len(digests), err)
	}
	return found, nil
}

// AttestedCount counts the log's attestations by outcome.
func (r reader) AttestedCount(ctx context.Context) (proven, refused int64, err error) {
	err = r.q.QueryRow(ctx, "SELECT count(*) FILTER (WHERE outcome = 1), count(*) FILTER (WHERE outcome = 2) FROM attestations").Scan(&proven, &refused)
	if err != nil {
		return 0, 0, fmt.Errorf("couldn't count the attestations: %w", err)
	}
	return proven, refused, nil
}

// appendAttestations writes the index rows of a batch's attestations, as a part of the statements that store the batch.
func appendAttestations(s []byte, items []*Item) []byte {
	n := 0
	for _, it := range items {
		a := it.Row.Attests
		if a == nil || !it.accepted() {
			continue
		}
		s = append(s, separator(n, "INSERT INTO attestations (idx, outcome, event) VALUES ")...)
		s = append(s, '(')
		s = strconv.AppendInt(s, it.Row.Index, 10)
		s = append(s, ',')
		s = strconv.AppendInt(s, int64(a.code()), 10)
		s = append(s, ',')
		s = appendBytea(s, a.Event[:])
		s = append(s, ')')
		n++
	}
	return s
}
