package web

import (
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// signer is who signed an entry, and with which of its keys.
type signer struct {
	verify.SourceState
	Turns []keyTurn
}

// keyTurn is one key in a source's history.
type keyTurn struct {
	verify.KeyState
	How    string // it came
	Break  bool   // by the operator's word alone
	Signed bool   // the entry that is shown
}

// signerOf tells the history of the key that signed an entry, from the evidence about it, which has all entries about the source's keys up
// to its head. It is nil where the law doesn't bear the evidence out: then the check says so.
func signerOf(origin string, e *verify.Entry, b *verify.Bundle) *signer {
	registry := verify.NewRegistry(origin)
	brought := map[int64]*verify.Entry{}
	for _, be := range b.Entries {
		entry, err := verify.OpenEntry(be.Index, be.Leaf)
		if err != nil {
			return nil
		}
		if !verify.Changes(entry.Event.Kind()) {
			continue
		}
		if registry.Admit(entry) != nil {
			return nil
		}
		brought[entry.Index] = entry
	}
	state, ok := registry.Source(e.Event.Source)
	if !ok {
		return nil
	}
	return &signer{SourceState: state, Turns: turnsOf(state, brought, e)}
}

// turnsOf puts a source's keys into words. brought has the entries that brought them, and shown, which may be nil, is an entry of the source's.
func turnsOf(s verify.SourceState, brought map[int64]*verify.Entry, shown *verify.Entry) []keyTurn {
	turns := make([]keyTurn, len(s.Keys))
	for i, k := range s.Keys {
		turns[i] = keyTurn{KeyState: k, How: "registered by the operator, with the key’s consent",
			Signed: shown != nil && shown.Leaf.Envelope.KeyID == k.ID && shown.Index >= k.Since && (k.Until < 0 || shown.Index <= k.Until)}
		by := brought[k.Since]
		switch {
		case i == 0 || by == nil:
		case by.Event.Source != s.Name:
			turns[i].How, turns[i].Break = "put in by the operator alone: a break", true
		case s.Recovery != nil && by.Leaf.Envelope.KeyID == event.KeyID(s.Recovery):
			turns[i].How = "put in by the recovery key"
		default:
			turns[i].How = "put in by the outgoing key"
		}
	}
	return turns
}
