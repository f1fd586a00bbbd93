package web

import (
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// signer is who signed an entry, and with which of its keys.
type signer struct {
	verify.SourceState
	Turns      []keyTurn
	ByRecovery bool // the entry is signed with the recovery key
}

// keyTurn is one key in a source's history.
type keyTurn struct {
	verify.KeyState
	By     string // whose word it came by
	Break  bool   // the operator's alone
	Signed bool   // the entry that is shown
}

// signerOf tells the history of the key that signed an entry; nil where the law knows no such source.
func signerOf(law *lawState, e *verify.Entry) *signer {
	s, turns, ok := law.source(e.Event.Source)
	if !ok {
		return nil
	}
	signed := e.Leaf.Envelope.KeyID
	found := &signer{SourceState: s, ByRecovery: len(s.Recovery) > 0 && event.KeyID(s.Recovery) == signed}
	for _, k := range s.Keys {
		t := keyTurn{KeyState: k, Signed: k.ID == signed}
		if i := slices.IndexFunc(turns, func(t turn) bool { return t.Index == k.Since }); i >= 0 {
			t.By, t.Break = turns[i].By, turns[i].Break
		}
		found.Turns = append(found.Turns, t)
	}
	return found
}
