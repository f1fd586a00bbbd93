package ledger

import (
	"context"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// ProvenanceQuery asks where a subject comes from.
type ProvenanceQuery struct {
	Subject string
	Entry   int64 // one of its entries; −1 for its newest model version, or, if it has none, its newest data set
	Size    int64 // of the published head in whose tree to look; 0 for the newest that has its quorum, or has the entry
}

// Version is an entry that a walk can begin with.
type Version struct {
	Index  int64
	Kind   event.Kind
	Name   string // of a model version, what its source calls it
	Source string
	Logged int64 // ms
}

// Walked is where a subject comes from, as the log itself finds.
type Walked struct {
	*verify.Walk
	Versions []Version // the subject's model versions, or, if it has none, its data sets: the newest, newest first
	More     bool      // there are older ones
}

// maxVersions is how many of a subject's versions are listed.
const maxVersions = 100

// Provenance walks from a subject's model version or data set to where it comes from, and verifies everything on the way. The tree's head alone is
// taken as it is: it is the log's own.
func (l *Ledger) Provenance(ctx context.Context, q ProvenanceQuery) (*Walked, error) {
	out := new(Walked)
	for _, kind := range []event.Kind{event.ModelVersion, event.Dataset} {
		page, err := l.Entries(ctx, Query{Kinds: []event.Kind{kind}, Subject: q.Subject, Descending: true, Limit: maxVersions})
		if err != nil {
			return nil, err
		}
		for i := range page.Entries {
			out.Versions = append(out.Versions, versionOf(&page.Entries[i]))
		}
		if out.More = page.Next != ""; len(out.Versions) > 0 {
			break
		}
	}
	if len(out.Versions) == 0 {
		return nil, notFound("no model version and no data set of %q is in this log", q.Subject)
	}
	at, err := l.beginning(ctx, q, out.Versions)
	if err != nil {
		return nil, err
	}
	b, head, err := l.evidence(ctx, EvidenceQuery{Entries: []int64{at}, Provenance: true, Size: q.Size})
	if err != nil {
		return nil, err
	}
	report, err := b.VerifyAt(head) // what is wrong with a single entry is said by its links
	if len(report.Claims) == 0 {
		return nil, unavailable(err, "the evidence about entry %d doesn't hold together", at)
	}
	walk, err := report.Provenance(at)
	if err != nil {
		return nil, unavailable(err, "the walk from entry %d failed", at)
	}
	out.Walk = walk.Walk(head)
	return out, nil
}

func versionOf(e *Entry) Version {
	v := Version{Index: e.Index, Kind: e.Event.Kind(), Source: e.Event.Source, Logged: e.Decoded.Logged}
	if claims, ok := e.Event.Claims.(*event.ModelVersionClaims); ok {
		v.Name = claims.Version
	}
	return v
}

// beginning is the entry that the walk begins with: the one that is asked for, or the newest that a head has.
func (l *Ledger) beginning(ctx context.Context, q ProvenanceQuery, versions []Version) (int64, error) {
	if q.Entry >= 0 {
		e, err := l.Entry(ctx, q.Entry)
		if err != nil {
			return 0, err
		}
		if e.Event.Subject.Name != q.Subject {
			return 0, notFound("entry %d is not about %q", q.Entry, q.Subject)
		}
		return q.Entry, nil
	}
	for _, v := range versions {
		if head, ok := l.proofHead(v.Index); ok && v.Index < head.Size && (q.Size == 0 || v.Index < q.Size) {
			return v.Index, nil
		}
	}
	return 0, notFound("no head that was published has a model version or a data set of %q yet", q.Subject)
}
