package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/drawing"
	"github.com/attestlog/attestlog/web/words"
)

// entryView is all that the page of an entry shows.
type entryView struct {
	*verify.Entry
	Words  words.Words
	Size   int64          // of the tree that the evidence leads to
	Status verify.Verdict // empty where it could not be checked
	Report *verify.Report // nil where it could not be checked
	Wrong  string         // what failed, where the evidence doesn't hold
	Silent string         // why there is no check
	Steps  []verify.Step  // of this server's check
	// Cosigned are the witnesses of the viewer's policy that cosigned the tree's head. Few says whose cosignatures it asks for, where they aren't enough.
	Cosigned []string
	Few      string

	Signer  *signer
	Links   entryLinks
	At      map[event.Digest]*entryLink // of the events that the claims refer to
	Path    *drawing.Path
	Payload string // indented
	Leaf    string // canonical
}

// PreviousSeq is the number of the source's event before.
func (e *entryView) PreviousSeq() int64 { return e.Event.Seq - 1 }

// entry shows one entry: in words first, then what is proven, claimed and trusted, then all that it is made of.
func (v *viewer) entry(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	index, err := v.indexOf(r)
	if err != nil {
		return err
	}
	e := &entryView{}
	bundle, err := v.judge(ctx, index, e)
	if err != nil {
		return err
	}
	at := map[event.Digest]*verify.Entry{}
	if bundle != nil {
		for _, b := range bundle.Entries {
			entry, err := verify.OpenEntry(b.Index, b.Leaf)
			if err != nil {
				return err
			}
			at[entry.Digest] = entry
			if b.Index == index {
				e.Entry = entry
			}
		}
	}
	if err := v.locate(ctx, index, e); err != nil {
		return err
	}
	law, err := v.law.state(ctx, v)
	if err != nil {
		return err
	}
	e.Signer = signerOf(law, e.Entry)
	e.Words = words.Of(e.Event, func(d event.Digest) *event.Event {
		if to := at[d]; to != nil {
			return to.Event
		}
		return nil
	})
	if e.Links, err = v.links(ctx, e.Entry, at); err != nil {
		return err
	}
	e.At = map[event.Digest]*entryLink{}
	for d, to := range at {
		link := linkTo(to, "")
		e.At[d] = &link
	}
	if e.Payload, err = indented(e.Entry.Leaf.Envelope.Payload); err != nil {
		return err
	}
	return v.render(w, r, "entry.html", content{Title: e.Words.Title + " · entry " + strconv.FormatInt(index, 10), Data: e})
}

// indexOf reads the index in an address. What is beyond the newest head is not there for anybody.
func (v *viewer) indexOf(r *http.Request) (int64, error) {
	text := chi.URLParam(r, "index")
	index, err := strconv.ParseInt(text, 10, 64)
	if err != nil || index < 0 || text != strconv.FormatInt(index, 10) {
		return 0, badRequest("Entries have numbers, from 0 without gaps. This is none: %s", boundText(text, 60).Shown)
	}
	head, err := v.newest.get(r.Context(), v)
	if err != nil {
		return 0, err
	}
	if index >= head.Size {
		return 0, notFound("The log has no signed entry %d: its newest signed head has %d entries, numbered from 0.", index, head.Size)
	}
	return index, nil
}

// receiptOf fetches the entry whose index stands in the path.
func (v *viewer) receiptOf(r *http.Request) (*client.Receipt, error) {
	index, err := v.indexOf(r)
	if err != nil {
		return nil, err
	}
	return v.log.Entry(r.Context(), index)
}

// judge gets the evidence about an entry and checks it. Evidence that doesn't hold is shown, and that there is none is said: the
// bundle is nil then.
func (v *viewer) judge(ctx context.Context, index int64, e *entryView) (*verify.Bundle, error) {
	bundle, report, err := v.bundle(ctx, client.BundleQuery{Entries: []int64{index}})
	var problem *client.Problem
	switch {
	case bundle == nil && errors.As(err, &problem) && problem.Status < 500 && problem.Status != http.StatusNotFound:
		e.Silent = problem.Detail
		return nil, nil
	case bundle == nil && err != nil:
		return nil, err
	case err != nil:
		v.logger.LogAttrs(ctx, slog.LevelWarn, "evidence does not hold", slog.Int64("entry", index), slog.Any("error", err))
		e.Wrong = err.Error()
	}
	if v.policy != nil {
		head := v.headRow(client.PublishedHead{Head: report.Head})
		for _, c := range head.Cosigned {
			e.Cosigned = append(e.Cosigned, c.Name)
		}
		if !head.Quorum {
			e.Few = v.policy.Quorum()
		}
	}
	e.Size, e.Steps, e.Status = report.Head.Size, report.Steps, verify.Refuted
	if len(report.Claims) == 1 {
		e.Report = report.Claims[0]
		e.Steps = append(e.Steps, e.Report.Steps...)
		e.Status = e.Report.Verdict
	}
	return bundle, nil
}

// locate gets the leaf and its path to the root.
func (v *viewer) locate(ctx context.Context, index int64, e *entryView) error {
	if e.Size == 0 {
		head, err := v.newest.get(ctx, v)
		if err != nil {
			return err
		}
		e.Size = head.Size
	}
	receipt, err := v.log.Library().Receipt(ctx, index, e.Size)
	if err != nil {
		return err
	}
	if e.Path, err = drawing.NewPath(index, e.Size, tlog.RecordHash(receipt.Leaf), receipt.Hashes); err != nil {
		return err
	}
	if e.Entry == nil {
		e.Entry, err = verify.OpenEntry(index, receipt.Leaf)
	}
	e.Leaf = string(receipt.Leaf)
	return err
}

// indented is JSON for people.
func indented(canonical []byte) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, canonical, "", "  ")
	return b.String(), err
}

// eventByDigest leads from an event's digest to its entry.
func (v *viewer) eventByDigest(w http.ResponseWriter, r *http.Request) error {
	digest, err := event.ParseDigest(chi.URLParam(r, "digest"))
	if err != nil {
		return badRequest("An event’s digest has 64 lower-case hex digits.")
	}
	index, err := v.log.Library().Find(r.Context(), digest)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	http.Redirect(w, r, "/entries/"+strconv.FormatInt(index, 10), http.StatusFound)
	return nil
}

// The downloads of an entry, under the names that attestlog get gives them.

func (v *viewer) entryLeaf(w http.ResponseWriter, r *http.Request) error {
	receipt, err := v.receiptOf(r)
	if err != nil {
		return err
	}
	return download(w, "application/octet-stream", strconv.FormatInt(receipt.Index, 10)+".leaf", receipt.Leaf)
}

func (v *viewer) entryProof(w http.ResponseWriter, r *http.Request) error {
	index, err := v.indexOf(r)
	if err != nil {
		return err
	}
	size, err := sizeOf(r)
	if err != nil {
		return err
	}
	proof, err := v.log.Proof(r.Context(), index, size)
	if err != nil {
		return err
	}
	return download(w, "text/plain; charset=utf-8", strconv.FormatInt(index, 10)+".tlog-proof", proof)
}

func (v *viewer) entryBundle(w http.ResponseWriter, r *http.Request) error {
	index, err := v.indexOf(r)
	if err != nil {
		return err
	}
	size, err := sizeOf(r)
	if err != nil {
		return err
	}
	bundle, _, err := v.bundle(r.Context(), client.BundleQuery{Entries: []int64{index}, Size: size})
	if bundle == nil && err != nil {
		return err
	}
	return download(w, "application/octet-stream", strconv.FormatInt(index, 10)+".attestlog", bundle.Encode())
}

// sizeOf reads the size of a published head that a query may name; 0 for the newest.
func sizeOf(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("size")
	if text == "" {
		return 0, nil
	}
	size, err := verify.ParseSize([]byte(text))
	if err != nil {
		return 0, badRequest("size must be the number of entries of a published head.")
	}
	return size, nil
}
