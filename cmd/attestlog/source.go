package main

import (
	"context"
	"flag"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

const sourceManual = `Shows who a source is: its role, its keys from the first to the current one, who gave it each, and where its history breaks because
the operator alone gave it a key. All of that is derived from the log's entries, each proven to be in the log and held against its law.
Only that no such entry was left out, and what the source's next number is, is the log's word.

A break is nothing wrong in itself; it says that the operator vouches for the source being the same one, and nobody else does.
`

type sourceCommand struct {
	log logFlags
}

func bindSource(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	s := new(sourceCommand)
	s.log.bind(fs)
	return s.run
}

func (s *sourceCommand) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one source, such as gateway/1")
	}
	if err := event.CheckSource(args[0]); err != nil {
		return misuse("%w", err)
	}
	r, err := s.log.connect(t)
	if err != nil {
		return err
	}
	claimed, err := r.SourceState(ctx, args[0])
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	registry, entries, err := r.life(ctx, args[0])
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	state, ok := registry.Source(args[0])
	if !ok {
		return &failure{exitUnverified, fmt.Errorf("the log says that it has a source %s, and shows no entry that registers it", args[0])}
	}
	showSource(t, &state, registry, entries, claimed.Next)
	return nil
}

// life folds the entries about a source's keys and the operator's into a registry. It returns those about the source.
func (r *remote) life(ctx context.Context, name string) (*verify.Registry, []*verify.Entry, error) {
	_, founder, err := r.entry(ctx, reference{index: 0})
	if err != nil {
		return nil, nil, err
	}
	library := r.Library()
	indices := []int64{0}
	for _, source := range []string{founder.Event.Source, name} {
		more, err := library.SourceEntries(ctx, source)
		if err != nil {
			return nil, nil, err
		}
		indices = append(indices, more...)
	}
	slices.Sort(indices)
	registry := verify.NewRegistry(r.Origin())
	var about []*verify.Entry
	for _, index := range slices.Compact(indices) {
		_, entry, err := r.entry(ctx, reference{index: index})
		if err == nil {
			err = registry.Admit(entry)
		}
		if err != nil {
			return nil, nil, err
		}
		if c, ok := entry.Event.Claims.(*event.SourceClaims); ok && c.Source == name {
			about = append(about, entry)
		}
	}
	return registry, about, nil
}

func showSource(t *terminal, s *verify.SourceState, registry *verify.Registry, entries []*verify.Entry, next verify.Chain) {
	type key struct {
		ID      event.Digest `json:"keyid"`
		Epoch   int          `json:"epoch"`
		Since   int64        `json:"since"`
		Until   *int64       `json:"until"`
		Revoked bool         `json:"revoked"`
		Doubt   *int64       `json:"doubt"`
	}
	orNull := func(index int64) *int64 {
		if index < 0 {
			return nil
		}
		return &index
	}
	t.say("%s is a source of %s with the role %s, registered by entry %d.", s.Name, registry.Origin(), s.Role, s.Registered)
	result := map[string]any{"name": s.Name, "role": s.Role, "registered": s.Registered, "epoch": s.Epoch, "keyid": nil, "recovery": nil,
		"next": map[string]any{"seq": next.Seq, "prev": next.Prev}}
	if live := s.Live(); live != nil {
		t.field("key", "%s", live.ID)
		result["keyid"] = live.ID
	} else {
		t.field("key", "none: it was revoked, and nothing followed")
	}
	if len(s.Recovery) > 0 {
		t.field("recovery key", "%s", event.KeyID(s.Recovery))
		result["recovery"] = event.KeyID(s.Recovery)
	}
	t.field("epoch", "%d", s.Epoch)
	t.field("next event", "number %s, by the log's word", words.Number(next.Seq))
	t.say("")
	var indices []int64
	epoch := 1
	for _, e := range entries {
		indices = append(indices, e.Index)
		t.say("  entry %-6d %s", e.Index, wrap(changeWords(e, s, &epoch), "               ", 125))
	}
	if t.json {
		var keys []key
		for _, k := range s.Keys {
			keys = append(keys, key{k.ID, k.Epoch, k.Since, orNull(k.Until), k.Revoked, orNull(k.Doubt)})
		}
		result["keys"], result["entries"] = keys, indices
		t.printJSON(result)
	}
}

// changeWords says what an entry did to a source's key, and on whose word. It counts the epochs.
func changeWords(e *verify.Entry, s *verify.SourceState, epoch *int) string {
	c := e.Event.Claims.(*event.SourceClaims)
	by := e.Event.Source
	switch {
	case by == s.Name && len(s.Recovery) > 0 && e.Leaf.Envelope.KeyID == event.KeyID(s.Recovery):
		by = "its recovery key"
	case by == s.Name:
		by = "its own key"
	}
	id := event.KeyID(c.Key)
	switch c.Action {
	case event.SourceRegister:
		return fmt.Sprintf("registered by %s with key %s", e.Event.Source, id)
	case event.SourceRotate:
		if e.Event.Source != s.Name {
			*epoch++
			return fmt.Sprintf("BREAK: %s alone gave it key %s; epoch %d begins", by, id, *epoch)
		}
		return fmt.Sprintf("%s rotated to key %s", by, id)
	}
	words := fmt.Sprintf("%s revoked key %s", by, id)
	if c.From > 0 {
		words += fmt.Sprintf("; what it signed from entry %d on is in doubt", c.From)
	}
	return words
}

// refusedOrphan tells of an event that an earlier command left behind, and that the log doesn't take.
func (t *terminal) refusedOrphan(e *event.Event, err error) {
	t.warn("number %d of %s, which an earlier command left, was refused: %v", e.Seq, e.Source, err)
}
