package client_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// walker is a log that answers with the walk that a test wants.
type walker struct {
	*memLog
	asked  ledger.ProvenanceQuery
	answer ledger.Walked
}

func (w *walker) Provenance(_ context.Context, q ledger.ProvenanceQuery) (*ledger.Walked, error) {
	w.asked = q
	return &w.answer, nil
}

// A walk is the log's word, but it has to be about what was asked, in a tree whose head the log signed.
func TestWalkOfALog(t *testing.T) {
	log := &walker{memLog: newMemLog(t)}
	url := serveLog(t, log, nil)
	c, _ := connect(t, url, log.public)
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	if _, err := s.Record(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	published, _ := log.Published()
	honest := func(subject string, of int64) verify.Walk {
		walk := (&verify.Provenance{Of: of}).Walk(verify.Head{Origin: origin, Size: published.Size, Note: published.Note})
		walk.Subject = subject
		return *walk
	}
	for name, o := range map[string]struct {
		query  client.ProvenanceQuery
		answer func(*verify.Walk)
		want   string
	}{
		"honest":                  {client.ProvenanceQuery{Subject: "a/b c%2Fd?#", Entry: 7}, func(*verify.Walk) {}, ""},
		"of a name that leads up": {client.ProvenanceQuery{Subject: "..", Entry: 7}, func(w *verify.Walk) { w.Subject = ".." }, ""},
		"of another subject":      {client.ProvenanceQuery{Subject: "x"}, func(*verify.Walk) {}, "when asked about"},
		"of another entry":        {client.ProvenanceQuery{Subject: "a/b c%2Fd?#", Entry: 8}, func(*verify.Walk) {}, "when asked about"},
		"in another tree":         {client.ProvenanceQuery{Subject: "a/b c%2Fd?#"}, func(w *verify.Walk) { w.Size++ }, "another tree"},
		"of another size":         {client.ProvenanceQuery{Subject: "a/b c%2Fd?#", Size: 99}, func(*verify.Walk) {}, "another tree"},
		"without a head":          {client.ProvenanceQuery{Subject: "a/b c%2Fd?#"}, func(w *verify.Walk) { w.Checkpoint = "" }, "head"},
	} {
		t.Run(name, func(t *testing.T) {
			walk := honest("a/b c%2Fd?#", 7)
			o.answer(&walk)
			log.answer = ledger.Walked{Walk: &walk, Versions: []ledger.Version{{Index: 7, Kind: event.ModelVersion, Name: "1", Source: "gateway/1", Logged: 5}}, More: true}
			asking, _ := connect(t, url, log.public)
			got, err := asking.Provenance(t.Context(), o.query)
			if o.want != "" {
				var alarm *client.Alarm
				if err == nil || !strings.Contains(err.Error(), o.want) || !errors.As(err, &alarm) {
					t.Errorf("got %v, want %q", err, o.want)
				}
				return
			}
			want := client.Version{Index: 7, Kind: "model-version", Name: "1", Source: "gateway/1", Logged: 5}
			if err != nil || got.Of != 7 || len(got.Versions) != 1 || got.Versions[0] != want || !got.More || log.asked != (ledger.ProvenanceQuery{Subject: o.query.Subject, Entry: 7}) {
				t.Errorf("got %+v, %v, by asking for %+v", got, err, log.asked)
			}
		})
	}
}
