package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
)

func rotation(to ed25519.PrivateKey) client.Draft {
	public := to.Public().(ed25519.PublicKey)
	return client.KeyChange(&event.SourceClaims{Action: event.SourceRotate, Source: "gateway/1", Key: public,
		Consent: ed25519.Sign(to, event.ConsentMessage(origin, "gateway/1", public, nil, ""))})
}

// TestKeyChangedElsewhere has a source's key rotated by somebody who holds it but not its state. The state goes on behind that, under
// the new key, and what it still had to send is neither lost nor logged twice. Any other event that it didn't record is an alarm still.
func TestKeyChangedElsewhere(t *testing.T) {
	fresh := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	record := func(t *testing.T, s *client.Source, d client.Draft) {
		t.Helper()
		if _, err := s.Record(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	// interrupt records an event whose answer never comes; answer does with the request what the network does.
	interrupt := func(t *testing.T, w *live, state string, answer func(send func() (*http.Response, error)) (*http.Response, error)) {
		t.Helper()
		c, transport := connect(t, w.url, w.public, func(o *client.Options) { o.Retries = -1 })
		s := openSource(t, c, state)
		record(t, s, numbered(1))
		answered := make(chan struct{}, 100)
		transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			if r.Method != http.MethodPost {
				return send()
			}
			defer func() { answered <- struct{}{} }()
			return answer(send)
		})
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _, _ = s.Record(ctx, numbered(2)) }()
		<-answered
		leave()
		<-done
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := func(t *testing.T, w *live, key ed25519.PrivateKey, d client.Draft) {
		t.Helper()
		c, _ := connect(t, w.url, w.public)
		s := openSource(t, c, filepath.Join(t.TempDir(), "state"), func(o *client.SourceOptions) { o.Key = key })
		record(t, s, d)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, answer := range map[string]func(func() (*http.Response, error)) (*http.Response, error){
		"what was pending had arrived": lose,
		"what was pending had not arrived": func(func() (*http.Response, error)) (*http.Response, error) {
			return nil, errors.New("the line is dead")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := startLive(t)
			state := filepath.Join(t.TempDir(), "state")
			interrupt(t, w, state, answer)
			elsewhere(t, w, sourceKey, rotation(fresh))
			c, _ := connect(t, w.url, w.public)
			s := openSource(t, c, state, func(o *client.SourceOptions) { o.Key = fresh })
			record(t, s, numbered(3))
			if seen := w.logged(c); !seen[1] || !seen[2] || !seen[3] || len(seen) != 3 {
				t.Errorf("the log has the events %v, want 1, 2 and 3", seen)
			}
			if now, err := c.SourceState(t.Context(), "gateway/1"); err != nil || now.Next.Seq != 5 || now.Epoch != 1 {
				t.Errorf("the source is %+v, %v; want 4 events in one epoch", now, err)
			}
		})
	}
	t.Run("the key at hand has ended", func(t *testing.T) {
		w := startLive(t)
		state := filepath.Join(t.TempDir(), "state")
		interrupt(t, w, state, lose)
		elsewhere(t, w, sourceKey, rotation(fresh))
		c, _ := connect(t, w.url, w.public)
		s := openSource(t, c, state)
		if _, err := s.Record(t.Context(), numbered(3)); !client.HasCode(err, client.CodeRevokedKey) {
			t.Errorf("got %v, want the refusal of a key that ended", err)
		}
	})
	t.Run("an earlier key is revoked under the key that goes on", func(t *testing.T) {
		w := startLive(t)
		elsewhere(t, w, sourceKey, rotation(fresh))
		state := filepath.Join(t.TempDir(), "state")
		c, _ := connect(t, w.url, w.public)
		s := openSource(t, c, state, func(o *client.SourceOptions) { o.Key = fresh })
		record(t, s, numbered(1))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		elsewhere(t, w, fresh, client.KeyChange(&event.SourceClaims{Action: event.SourceRevoke, Source: "gateway/1",
			Key: sourceKey.Public().(ed25519.PublicKey), From: 1}))
		expectAlarm(t, openSource(t, c, state, func(o *client.SourceOptions) { o.Key = fresh }))
	})
	t.Run("and an event that is not on record", func(t *testing.T) {
		w := startLive(t)
		state := filepath.Join(t.TempDir(), "state")
		interrupt(t, w, state, lose)
		elsewhere(t, w, sourceKey, numbered(9))
		elsewhere(t, w, sourceKey, rotation(fresh))
		c, _ := connect(t, w.url, w.public)
		expectAlarm(t, openSource(t, c, state, func(o *client.SourceOptions) { o.Key = fresh }))
	})
}

// TestKeyChangeIsOvertaken has a thief log an event each time that the owner is about to revoke the key; the revocation gets through.
func TestKeyChangeIsOvertaken(t *testing.T) {
	w := startLive(t)
	theirs, _ := connect(t, w.url, w.public)
	thief := openSource(t, theirs, filepath.Join(t.TempDir(), "state"))
	c, transport := connect(t, w.url, w.public)
	const overtaken = 3
	var posts atomic.Int32
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == http.MethodPost {
			if n := posts.Add(1); n <= overtaken {
				if _, err := thief.Record(t.Context(), numbered(int(n))); err != nil {
					t.Error(err)
				}
			}
		}
		return send()
	})
	receipt, err := c.RecordKeyChange(t.Context(), sourceKey, &event.SourceClaims{Action: event.SourceRevoke, Source: "gateway/1",
		Key: sourceKey.Public().(ed25519.PublicKey), From: 2})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2 + overtaken); receipt.Index != want {
		t.Errorf("the revocation is entry %d, want %d", receipt.Index, want)
	}
	if _, err := thief.Record(t.Context(), numbered(9)); !client.HasCode(err, client.CodeRevokedKey) {
		t.Errorf("the thief got %v, want the refusal of a key that ended", err)
	}
}
