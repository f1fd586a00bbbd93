package verify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

func (l *paperLog) Referring(_ context.Context, to *verify.Entry, kind event.Kind) ([]int64, error) {
	return l.indices(func(c event.Claims) bool {
		for _, ref := range verify.References(c) {
			if ref.Event == to.Digest && c.Kind() == kind {
				return true
			}
		}
		return false
	}), nil
}

// trace collects where an entry comes from, and walks it, by way of a file.
func (l *paperLog) trace(index int64, accesses bool) *verify.Provenance {
	l.t.Helper()
	head, err := verify.OpenHead(l.note(), l.key)
	if err != nil {
		l.t.Fatal(err)
	}
	b, err := verify.Trace(l.t.Context(), l, head, index, accesses)
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := reread(l.t, b).Verify(l.key, nil)
	if err != nil {
		l.t.Logf("the bundle says: %v", err)
	}
	p, err := r.Provenance(index)
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

// lines are a walk in short.
func lines(p *verify.Provenance) (all []string) {
	for _, l := range p.Links {
		line := fmt.Sprintf("%d %s %d: %s", l.From, l.Name, l.To, l.State)
		if len(l.Via) > 0 {
			line += fmt.Sprintf(" via %v", l.Via)
		}
		for _, s := range l.Sides {
			line += fmt.Sprintf(", equal %v", s.Equal())
		}
		if len(l.Doubts) > 0 {
			line += ", in doubt"
		}
		all = append(all, line)
	}
	return all
}

// made is a log in which somebody claims how a model came to be; nothing in it is proven.
type made struct {
	*paperLog
	h                             *history
	raw, data, run, approval, end event.Digest
	weights                       []event.Element // before step 1, after step 1, …
}

// Its entries: 0 operator, 1 controller, 2 trainer, 3 raw data, 4 its anonymized form, 5 run, 6 approval, 7 a chunk, 8–10 steps, 11 an access.
func newMade(t *testing.T) *made {
	m := &made{paperLog: newPaperLog(t), h: &history{t: t}}
	for i := range 4 {
		m.weights = append(m.weights, event.Element{31: byte(i + 1)})
	}
	m.say("op/1", 'o', m.h.register("op/1", 'o', event.RoleOperator))
	m.say("op/1", 'o', m.h.register("bank/1", 'b', event.RoleController))
	m.say("op/1", 'o', m.h.register("lab/1", 'g', event.RoleService))
	m.raw = m.say("bank/1", 'b', smallDataset().claims)
	m.data = m.say("bank/1", 'b', smallDataset().claims)
	m.run = m.say("lab/1", 'g', &event.TrainingRunClaims{Batch: 8, Dataset: m.data, Features: []event.Feature{{Column: "age", Scale: 1}},
		Label: event.Label{Column: "class", Positive: 1}, LearningRate: 1, Steps: 3, Weights: m.weights[0]})
	m.approval = m.say("bank/1", 'b', &event.ApprovalClaims{Releases: event.Element{31: 9}})
	m.say("lab/1", 'g', &event.AnonymizationClaims{ChunkRows: 128, Dataset: m.raw, Released: m.data, K: 3, Diversity: 2})
	for i := range 3 {
		m.step(i+1, m.weights[i])
	}
	m.say("lab/1", 'g', &event.DataAccessClaims{Columns: []string{"age"}, Dataset: m.data, Purpose: "marketing", Records: 3})
	return m
}

func (m *made) say(source string, key byte, claims event.Claims) event.Digest {
	return m.write(m.draft(source, claims, event.Digest{}), key, nil)
}

func (m *made) step(n int, before event.Element) {
	m.end = m.say("lab/1", 'g', &event.TrainingStepClaims{Run: m.run, Step: int64(n), Before: before, After: m.weights[n]})
}

func (m *made) serve(weights event.Element) int64 {
	m.say("lab/1", 'g', &event.ModelVersionClaims{Approval: m.approval, Run: m.run, Step: m.end, Version: "1", Weights: weights})
	return int64(len(m.leaves)) - 1
}

func TestProvenanceOfClaims(t *testing.T) {
	chain := []string{"12 approval 6: claimed", "12 weights 10: claimed, equal true", "10 weights 9: claimed, equal true", "9 weights 8: claimed, equal true",
		"8 first weights 5: claimed, equal true", "5 data set 4: claimed", "4 raw data 3: claimed via [7]"}
	for name, c := range map[string]struct {
		write    func(m *made) int64
		accesses bool
		want     []string
		state    verify.LinkState
	}{
		"a served model": {func(m *made) int64 { return m.serve(m.weights[3]) }, false, chain, verify.LinkClaimed},
		"with what was read": {func(m *made) int64 { return m.serve(m.weights[3]) }, true,
			append(chain[:len(chain):len(chain)], "11 data set 4: claimed"), verify.LinkClaimed},
		"other weights than trained": {func(m *made) int64 { return m.serve(m.weights[1]) }, false,
			append([]string{chain[0], "12 weights 10: broken, equal false"}, chain[2:]...), verify.LinkBroken},
		"in doubt": {func(m *made) int64 {
			at := m.serve(m.weights[3])
			m.say("op/1", 'o', m.h.revoke("bank/1", 'b', 4))
			return at
		}, false, []string{"12 approval 6: claimed, in doubt", "12 weights 10: claimed, equal true, in doubt", chain[2], chain[3],
			chain[4], "5 data set 4: claimed, in doubt", "4 raw data 3: claimed via [7], in doubt"}, verify.LinkClaimed},
		"its run withheld": {func(m *made) int64 {
			m.say("lab/1", 'g', &event.ModelVersionClaims{Approval: m.approval, Version: "1", Weights: m.weights[3]})
			return 12
		}, false, []string{chain[0], "12 weights -1: missing"}, verify.LinkMissing},
		"a step missing": {func(m *made) int64 {
			m.run = m.say("lab/1", 'g', &event.TrainingRunClaims{Batch: 8, Dataset: m.raw, Features: []event.Feature{{Column: "age", Scale: 1}},
				Label: event.Label{Column: "class", Positive: 1}, LearningRate: 1, Steps: 3, Weights: m.weights[0]})
			m.step(3, m.weights[2])
			return 13
		}, false, []string{"13 weights -1: missing", "13 run 12: claimed", "12 data set 3: claimed"}, verify.LinkMissing},
		"a step that another begins anew": {func(m *made) int64 {
			m.step(3, m.weights[0])
			return 12
		}, false, []string{"12 weights 9: broken, equal false", chain[3], chain[4], chain[5], chain[6]}, verify.LinkBroken},
		"a step of somebody else's run": {func(m *made) int64 {
			m.say("bank/1", 'b', &event.TrainingStepClaims{Run: m.run, Step: 1, Before: m.weights[0], After: m.weights[1]})
			return 12
		}, false, []string{"12 run 5: broken", chain[5], chain[6]}, verify.LinkBroken},
		"a chunk":     {func(*made) int64 { return 7 }, false, []string{"7 raw data 3: claimed", "7 released data 4: claimed", chain[6]}, verify.LinkClaimed},
		"raw data":    {func(*made) int64 { return 3 }, false, nil, verify.LinkClaimed},
		"an approval": {func(*made) int64 { return 6 }, false, nil, verify.LinkClaimed},
		"an approval that doesn't verify": {func(m *made) int64 {
			m.approval = m.write(m.draft("bank/1", &event.ApprovalClaims{Releases: event.Element{31: 9}}, event.Digest{}), 'b', func(event.Digest) []byte { return make([]byte, 128) })
			return m.serve(m.weights[3])
		}, false, append([]string{"13 approval 12: refuted", "13 weights 10: claimed, equal true"}, chain[2:]...), verify.LinkRefuted},
		"an entry that doesn't verify": {func(m *made) int64 {
			m.write(m.draft("bank/1", &event.ApprovalClaims{Releases: event.Element{31: 9}}, event.Digest{}), 'b', func(event.Digest) []byte { return make([]byte, 128) })
			return 12
		}, false, nil, verify.LinkRefuted},
		"an erasure": {func(m *made) int64 {
			m.say("op/1", 'o', &event.ErasureClaims{Event: m.raw, Reason: "asked for", Scope: "salts"})
			return 12
		}, false, []string{"12 event 3: claimed"}, verify.LinkClaimed},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMade(t)
			p := m.trace(c.write(m), c.accesses)
			if d := cmp.Diff(c.want, lines(p)); d != "" {
				t.Error(d)
			}
			if p.State() != c.state {
				t.Errorf("altogether it is %s, want %s", p.State(), c.state)
			}
			doubtful := strings.Contains(strings.Join(c.want, " "), "in doubt")
			if doubtful != (len(p.Doubts()) > 0) {
				t.Errorf("doubts: %q", p.Doubts())
			}
		})
	}
}

// What a bundle isn't about is missing from the walk, and the walk says so: the links before it are not all that there are.
func TestProvenanceWithinABundle(t *testing.T) {
	m := newMade(t)
	at := m.serve(m.weights[3])
	r, err := m.bundle(at, 5).Verify(m.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Provenance(4); err == nil {
		t.Error("there is a walk from an entry that the bundle only rests on")
	}
	p, err := r.Provenance(at)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"12 approval 6: claimed", "12 weights 10: claimed, equal true", "10 origins -1: missing"}, lines(p)); d != "" {
		t.Error(d)
	}
	if p.State() != verify.LinkMissing || p.Links[2].Detail != "the bundle isn't about entry 10" {
		t.Errorf("altogether it is %s: %q", p.State(), p.Links[2].Detail)
	}
	// A data set that the bundle isn't about is not raw data for that.
	if r, err = m.bundle(11).Verify(m.key, nil); err != nil {
		t.Fatal(err)
	}
	if p, err = r.Provenance(11); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"11 data set 4: claimed", "4 origins -1: missing"}, lines(p)); d != "" || len(p.Raw) > 0 {
		t.Error(d, p.Raw)
	}
}
