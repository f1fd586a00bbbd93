package client_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// TestOtherHistoryIsAnAlarm has a log claim what a source knows to be false; the source stops, and says so to everyone.
func TestOtherHistoryIsAnAlarm(t *testing.T) {
	record := func(t *testing.T, url, key, state string, n int) {
		c, _ := connect(t, url, key)
		s := openSource(t, c, state)
		for i := range n {
			if _, err := s.Record(t.Context(), accessDraft(int64(i+1))); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, history := range map[string]func(t *testing.T, log *memLog){
		"forgot the last event": func(t *testing.T, log *memLog) {
			log.chains["gateway/1"] = verify.Chain{Seq: 3, Prev: event.DigestOf([]byte("second"))}
		},
		"forgot everything": func(t *testing.T, log *memLog) { delete(log.chains, "gateway/1") },
		"another last event": func(t *testing.T, log *memLog) {
			log.chains["gateway/1"] = verify.Chain{Seq: 4, Prev: event.DigestOf([]byte("other"))}
		},
		"somebody else spoke": func(t *testing.T, log *memLog) {
			sub, _ := submission(t, "gateway/1", log.chains["gateway/1"])
			if o := log.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
				t.Fatal(o.Refusal)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("at the start", func(t *testing.T) {
				log := newMemLog(t)
				url := serveLog(t, log, nil)
				state := filepath.Join(t.TempDir(), "state")
				record(t, url, log.public, state, 3)
				history(t, log)
				c, _ := connect(t, url, log.public)
				s := openSource(t, c, state)
				expectAlarm(t, s)
			})
			t.Run("while it runs", func(t *testing.T) {
				log := newMemLog(t)
				c, _ := connect(t, serveLog(t, log, nil), log.public)
				s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
				for i := range 3 {
					if _, err := s.Record(t.Context(), accessDraft(int64(i+1))); err != nil {
						t.Fatal(err)
					}
				}
				log.mu.Lock()
				chain := log.chains["gateway/1"]
				log.mu.Unlock()
				history(t, log)
				if log.chains["gateway/1"] == chain {
					t.Fatal("the test changed nothing")
				}
				expectAlarm(t, s)
			})
		})
	}
}

func expectAlarm(t *testing.T, s *client.Source) {
	t.Helper()
	var alarm *client.Alarm
	for range 2 {
		if _, err := s.Record(t.Context(), accessDraft(9)); !errors.As(err, &alarm) {
			t.Fatalf("got %v, want an alarm", err)
		}
	}
	if !errors.As(s.Err(), &alarm) {
		t.Errorf("the source says %v", s.Err())
	}
}

// TestSourceWithoutState begins where the log says, once the log has proven its last event.
func TestSourceWithoutState(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	at := verify.NewChain()
	for range 3 {
		var sub *event.Submission
		sub, at = submission(t, "gateway/1", at)
		log.Submit(t.Context(), []*event.Submission{sub})
	}
	c, _ := connect(t, url, log.public)
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	if _, err := s.Record(t.Context(), accessDraft(4)); err != nil {
		t.Fatal(err)
	}
	log.checkChain(t, "gateway/1", 4)

	log.mu.Lock()
	log.chains["gateway/1"] = verify.Chain{Seq: 4, Prev: at.Prev} // an event too few
	log.mu.Unlock()
	lying := openSource(t, c, filepath.Join(t.TempDir(), "other"))
	_, _ = lying.Record(t.Context(), accessDraft(5))
	log.mu.Lock()
	log.chains["gateway/1"] = verify.Chain{Seq: 9, Prev: at.Prev} // a wrong number
	log.mu.Unlock()
	expectAlarm(t, openSource(t, c, filepath.Join(t.TempDir(), "third")))
}
