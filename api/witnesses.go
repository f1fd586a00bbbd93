package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/attestlog/attestlog/ledger"
)

// witnessStatus is what the edge says of a witness. What went wrong is said in a word: its errors may name the operator's network.
type witnessStatus struct {
	Alarm     bool   `json:"alarm"`
	Asked     int64  `json:"asked,omitempty"`
	Cosigned  int64  `json:"cosigned,omitempty"`
	Key       string `json:"key"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	State     string `json:"state"`
	Unawaited bool   `json:"unawaited"` // heads don't wait for it any more
}

// The states of a witness.
const (
	witnessFresh    = "fresh"     // it cosigned the newest published head
	witnessBehind   = "behind"    // it cosigned an older one, and nothing is wrong
	witnessTrouble  = "trouble"   // when asked last, it didn't cosign
	witnessNotAsked = "not-asked" // the policy has no URL for it, or it wasn't its turn yet
)

// getWitnesses says who cosigns this log's heads, how fresh they are, and whether the newest head has its quorum.
func (s *server) getWitnesses(w http.ResponseWriter, r *http.Request) {
	if q := readQuery(r); q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	all := s.ledger.Witnesses()
	newest, _ := s.ledger.Published()
	answer := struct {
		Quorum    string          `json:"quorum"`
		Satisfied bool            `json:"satisfied"`
		Size      int64           `json:"size"`
		Witnesses []witnessStatus `json:"witnesses"`
	}{all.Quorum, all.Satisfied, newest.Size, make([]witnessStatus, len(all.List))}
	if answer.Quorum == "" {
		answer.Quorum = "none"
	}
	for i, status := range all.List {
		answer.Witnesses[i] = statusOf(&status, newest.Size)
	}
	b, err := json.Marshal(answer)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendJSON(w, http.StatusOK, b)
}

func statusOf(w *ledger.WitnessStatus, newest int64) witnessStatus {
	s := witnessStatus{Alarm: w.Alarm != "", Asked: millis(w.Asked), Cosigned: millis(w.Cosigned), Key: w.Key, Name: w.Name, Size: w.Size, Unawaited: w.Unawaited}
	switch {
	case w.Trouble != "":
		s.State = witnessTrouble
	case w.URL == "" || w.Asked.IsZero() && w.Size == 0:
		s.State = witnessNotAsked
	case w.Size >= newest:
		s.State = witnessFresh
	default:
		s.State = witnessBehind
	}
	return s
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
