package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// bundler is a log that answers with the bundle that a test wants.
type bundler struct {
	*memLog
	answer *verify.Bundle
}

func (b *bundler) Evidence(context.Context, ledger.EvidenceQuery) (*verify.Bundle, error) {
	return b.answer, nil
}

// library is a log in memory that has one source, which entry 0 registers.
type library struct{ log *memLog }

func (l library) Receipt(_ context.Context, index, _ int64) (*verify.Receipt, error) {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	r := l.log.receipt(index)
	return &verify.Receipt{Index: index, Leaf: r.Leaf, Hashes: r.Hashes, Note: r.Checkpoint}, nil
}

func (l library) Find(context.Context, event.Digest) (int64, error) {
	return 0, errors.New("nothing refers to anything")
}

func (l library) SourceEntries(context.Context, string) ([]int64, error) { return []int64{0}, nil }

func (l library) StatementEntries(context.Context, event.Digest) ([]int64, error) { return nil, nil }

func (l library) Attestations(context.Context, event.Digest) ([]int64, error) { return nil, nil }

// about is what an honest log answers.
func (l library) about(t *testing.T, c *client.Client, asked ...int64) *verify.Bundle {
	t.Helper()
	published, _ := l.log.Published()
	head, err := verify.OpenHead(published.Note, c.Key())
	if err != nil {
		t.Fatal(err)
	}
	made, err := verify.GatherBundle(t.Context(), l, head, asked...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A log that answers with another bundle than was asked for, or with one that doesn't hold, is found out.
func TestBundleOfALogThatLies(t *testing.T) {
	log := &bundler{memLog: newMemLog(t)}
	url := serveLog(t, log, nil)
	c, _ := connect(t, url, log.public)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{'o'}, 32))
	public := key.Public().(ed25519.PublicKey)
	operator, err := c.OpenSource(client.SourceOptions{Name: "op/1", Key: key, State: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	record(t, operator, &event.SourceClaims{Action: event.SourceRegister, Key: public, Role: event.RoleOperator, Source: "op/1",
		Consent: ed25519.Sign(key, event.ConsentMessage(origin, "op/1", public, nil, ""))})
	for n := range 3 {
		record(t, operator, numbered(n).Claims)
	}
	// The same entries under another key of the same name.
	other := newMemLog(t)
	stranger, _ := connect(t, serveLog(t, other, nil), other.public)
	other.leaves, other.hashes = log.leaves, log.hashes
	honest, foreign := library{log.memLog}, library{other}
	for name, c := range map[string]struct {
		answer func() *verify.Bundle
		want   string // nothing: it is good
		alarm  bool
	}{
		"honest":                  {func() *verify.Bundle { return honest.about(t, c, 1, 2) }, "", false},
		"about another entry":     {func() *verify.Bundle { return honest.about(t, c, 1, 3) }, "isn't about entry 2", true},
		"about more entries":      {func() *verify.Bundle { return honest.about(t, c, 1, 2, 3) }, "about 1 more entries than were asked about", true},
		"of another log":          {func() *verify.Bundle { return foreign.about(t, stranger, 1, 2) }, "not signed by the log's key", true},
		"what can't be read":      {func() *verify.Bundle { return new(verify.Bundle) }, "is no bundle", true},
		"with a leaf of another":  {func() *verify.Bundle { b := honest.about(t, c, 1, 2); b.Entries[1].Leaf = b.Entries[0].Leaf; return b }, "does not hold: inclusion", false},
		"without what belongs in": {func() *verify.Bundle { b := honest.about(t, c, 1, 2, 3); b.Entries[3].Asked = false; return b }, "does not hold: whole", false},
	} {
		t.Run(name, func(t *testing.T) {
			log.answer = c.answer()
			asking, _ := connect(t, url, log.public)
			b, report, err := asking.Bundle(t.Context(), client.BundleQuery{Entries: []int64{1, 2}})
			if c.want == "" {
				if err != nil || !slices.Equal(b.Asked(), []int64{1, 2}) || !report.Holds() {
					t.Errorf("got %v", err)
				}
				return
			}
			var alarm *client.Alarm
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &alarm) != c.alarm || (b == nil) != c.alarm {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	log.answer = honest.about(t, c, 1)
	if _, _, err := c.Bundle(t.Context(), client.BundleQuery{Entries: []int64{1}, Size: 2}); err == nil || !strings.Contains(err.Error(), "a tree of 4 entries when asked for one of 2") {
		t.Errorf("of another size: %v", err)
	}
}
