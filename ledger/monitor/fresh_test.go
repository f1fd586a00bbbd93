package monitor_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
)

// TestStaleLog has a log that stands still. The monitor may be restarted as often as it likes, or be another process each time: the log gets no younger.
func TestStaleLog(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	log := serveLog(t, h.branch().shows(h.size()))
	w := watch(t, k, log.URL)
	w.cfg.Stale = time.Hour
	w.again()
	w.round()
	w.clock.move(59 * time.Minute)
	w.again()
	w.round()
	h.accesses(data, 1)
	log.show(h.branch().shows(h.size()))
	w.round()
	for range 3 {
		w.clock.move(19 * time.Minute)
		w.again()
		w.round()
	}
	w.wantAlarms()
	w.clock.move(4 * time.Minute)
	w.again()
	// Whoever was away, and doesn't reach the log now, can't tell.
	gone := h.branch().shows(h.size())
	gone.bend = func(string, []byte) []byte { return nil }
	log.show(gone)
	w.round()
	w.wantAlarms()
	log.show(h.branch().shows(h.size()))
	w.round()
	w.round()
	w.wantAlarms(monitor.Stale)
	if detail := w.alarms()[0].Detail; detail != "the log has shown nothing new for 1h1m0s" {
		t.Errorf("the alarm says %q", detail)
	}
	w.again()
	w.round()
	w.wantAlarms(monitor.Stale)
	// It goes on, and stands still again: that is another alarm.
	h.accesses(data, 1)
	log.show(h.branch().shows(h.size()))
	w.clock.move(59 * time.Minute)
	w.round()
	w.wantAlarms(monitor.Stale)
	w.clock.move(time.Hour)
	w.round()
	w.wantAlarms(monitor.Stale, monitor.Stale)
}

// timedCosigner cosigns at whatever time it is told (C2SP tlog-cosignature).
type timedCosigner struct {
	note.Verifier
	key ed25519.PrivateKey
	at  time.Time
}

func newTimedCosigner(t *testing.T, name string) (*timedCosigner, *verify.Policy) {
	t.Helper()
	private := key(name)
	vkey, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = fnote.VKeyToCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	policy, err := verify.ParsePolicy(fmt.Appendf(nil, "witness w %s\nquorum w\n", vkey))
	if err != nil {
		t.Fatal(err)
	}
	return &timedCosigner{Verifier: policy.Witnesses[0].Key, key: private}, policy
}

func (c *timedCosigner) Sign(text []byte) ([]byte, error) {
	message := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", c.at.Unix(), text)
	return append(binary.BigEndian.AppendUint64(nil, uint64(c.at.Unix())), ed25519.Sign(c.key, message)...), nil
}

// cosigned is a view whose head a witness cosigned at a time.
func (h *history) cosigned(t *testing.T, by *timedCosigner, at time.Time) *view {
	t.Helper()
	by.at = at
	v := h.branch().shows(h.size())
	opened, err := note.Open(h.note(h.size()), note.VerifierList(h.key))
	if err != nil {
		t.Fatal(err)
	}
	if v.head, err = note.Sign(opened, by); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFreshByCosignatures has a log that stands still and whose newest head is cosigned again and again: that is news enough. What a witness dates into
// the future isn't.
func TestFreshByCosignatures(t *testing.T) {
	k := newLogKey(t)
	h, _ := founded(t, k)
	cosigner, policy := newTimedCosigner(t, "witness.example/w")
	w := watch(t, k, "http://127.0.0.1:1/")
	now := w.clock.now()
	log := serveLog(t, h.cosigned(t, cosigner, now))
	w.cfg.Logs[0].Sources = []monitor.Source{source(t, log.URL)}
	w.cfg.Logs[0].Policy, w.cfg.Stale = policy, time.Hour
	w.again()
	w.round()
	for i := range 4 {
		w.clock.move(50 * time.Minute)
		log.show(h.cosigned(t, cosigner, w.clock.now()))
		if i == 2 {
			w.again()
		}
		w.round()
		w.wantAlarms()
	}
	w.clock.move(time.Minute)
	log.show(h.cosigned(t, cosigner, w.clock.now().AddDate(50, 0, 0)))
	w.round()
	w.clock.move(58 * time.Minute)
	w.round()
	w.wantAlarms()
	w.clock.move(time.Minute)
	w.round()
	w.wantAlarms(monitor.Stale)
}
