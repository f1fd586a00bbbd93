package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// pick walks all pages of a query.
func (w *world) pick(q ledger.Query) (indices []int64, pages int) {
	w.t.Helper()
	for {
		page, err := w.log.Entries(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page.Entries {
			indices = append(indices, e.Index)
		}
		if pages++; page.Next == "" {
			if page.Reached != -1 {
				w.t.Errorf("the last page reached %d", page.Reached)
			}
			return indices, pages
		}
		if page.Reached < 0 || len(page.Entries) > 0 && page.Entries[len(page.Entries)-1].Index != page.Reached && len(page.Entries) == q.Limit {
			w.t.Errorf("a page of %d entries reached %d", len(page.Entries), page.Reached)
		}
		q.Cursor = page.Next
	}
}

func TestSifting(t *testing.T) {
	w := newWorld(t)
	k, foreign := accessKeys(t), foreignKeys(t)
	data := w.foundProving(k)
	w.must(w.say("op/1", 'o', importOf(foreign)))
	say := func(change func(*event.Event)) int64 {
		e := w.draft("bank/1", claim(data, 2))
		change(e)
		return w.must(w.sign(e, 'b'))[0].Index
	}
	percent := say(func(e *event.Event) { e.Subject.Name = "100% _safe_" })
	umlaut := say(func(e *event.Event) { e.Purpose = "Prüfung der STRASSE – Ärger" })
	long := say(func(e *event.Event) { e.Purpose = "\u017Ficher" }) // a long s, which folds to s
	quotes := say(func(e *event.Event) { e.Purpose = "say \"hi\"\\ \n\tbell\a', DROP TABLE entries;--" })
	liar := say(func(e *event.Event) {
		e.Purpose = `","statement":"` + k.VerifyingKey.Digest().String() + `","time":1,"witness":"` + event.Digest{1}.String() + `"},"predicateType":"`
	})
	inline := w.must(w.prove("gateway/1", 'g', k, data, 3))[0].Index
	square := squared(49, data)
	custom := w.must(w.proveSquare(foreign, square, square, 7))[0].Index
	var deferred []*event.Submission
	var proofs []func() []byte
	for row := range 4 {
		sub, proof := w.deferring("gateway/1", 'g', k, data, row+3)
		deferred, proofs = append(deferred, sub), append(proofs, proof)
	}
	first := w.must(deferred...)[0].Index
	w.must(w.say("prover/1", 'p', proven(deferred[0], proofs[0]())), w.say("prover/1", 'p', unproven(deferred[1])), w.say("prover/2", 'q', unproven(deferred[2])))
	last := w.must(w.say("prover/2", 'q', proven(deferred[2], proofs[2]())))[0].Index

	vk, other := k.VerifyingKey.Digest(), foreign.VerifyingKey.Digest()
	digest := deferred[3].Envelope.Digest().String()
	for name, c := range map[string]struct {
		query ledger.Query
		want  []int64
	}{
		"proven":                     {ledger.Query{Status: ledger.StatusProven}, []int64{inline, custom, first, first + 2}},
		"waiting":                    {ledger.Query{Status: ledger.StatusWaiting}, []int64{first + 3}},
		"refused":                    {ledger.Query{Status: ledger.StatusRefused}, []int64{first + 1}},
		"claimed by the bank":        {ledger.Query{Status: ledger.StatusClaimed, Source: "bank/1"}, []int64{3, percent, umlaut, long, quotes, liar}},
		"claimed by the gateway":     {ledger.Query{Status: ledger.StatusClaimed, Source: "gateway/1"}, nil},
		"proven approvals":           {ledger.Query{Status: ledger.StatusProven, Kinds: []event.Kind{event.Approval}}, nil},
		"proven custom":              {ledger.Query{Status: ledger.StatusProven, Kinds: []event.Kind{event.Custom, event.Source}}, []int64{custom}},
		"statement":                  {ledger.Query{Statement: vk}, []int64{inline, first, first + 1, first + 2, first + 3}},
		"the other statement":        {ledger.Query{Statement: other}, []int64{custom}},
		"statement of another kind":  {ledger.Query{Statement: other, Kinds: []event.Kind{event.DataAccess}}, nil},
		"no such statement":          {ledger.Query{Statement: event.Digest{7}}, nil},
		"statement, refused":         {ledger.Query{Statement: vk, Status: ledger.StatusRefused}, []int64{first + 1}},
		"percent is no wildcard":     {ledger.Query{Text: "100%"}, []int64{percent}},
		"percent alone":              {ledger.Query{Text: "%"}, []int64{percent}},
		"underscore is no wildcard":  {ledger.Query{Text: "_SAFE_"}, []int64{percent}},
		"umlauts in capitals":        {ledger.Query{Text: "PRÜFUNG"}, []int64{umlaut}},
		"decomposed umlauts":         {ledger.Query{Text: "a\u0308rger"}, []int64{umlaut}},
		"sharp s":                    {ledger.Query{Text: "straße"}, []int64{umlaut}},
		"s finds the long s":         {ledger.Query{Text: "Siche"}, []int64{long}},
		"the Kelvin sign finds k":    {ledger.Query{Text: "ban\u212A/1", Kinds: []event.Kind{event.Dataset}}, []int64{3}},
		"quotes":                     {ledger.Query{Text: `SAY "HI"\`}, []int64{quotes}},
		"controls":                   {ledger.Query{Text: "\n\tbell\a"}, []int64{quotes}},
		"SQL":                        {ledger.Query{Text: "', drop table ENTRIES;--"}, []int64{quotes}},
		"across members":             {ledger.Query{Text: `","`}, []int64{liar}},
		"a member's name":            {ledger.Query{Text: "predicateType"}, []int64{liar}},
		"a digest, wholly":           {ledger.Query{Text: digest}, []int64{}},
		"an attestation, by digest":  {ledger.Query{Text: deferred[0].Envelope.Digest().String()[:20], Kinds: []event.Kind{event.Attestation}}, []int64{first + 4}},
		"text by one source, proven": {ledger.Query{Text: "credit", Source: "gateway/1", Status: ledger.StatusProven, From: 1}, []int64{inline, custom, first, first + 2}},
		"nothing in an early time":   {ledger.Query{Text: "credit", To: 5}, nil},
	} {
		for _, descending := range []bool{false, true} {
			for _, limit := range []int{1, 2, 1000} {
				t.Run(fmt.Sprintf("%s/%v/%d", name, descending, limit), func(t *testing.T) {
					w.t = t
					want := slices.Clone(c.want)
					if descending {
						slices.Reverse(want)
					}
					q := c.query
					q.Limit, q.Descending = limit, descending
					if got, _ := w.pick(q); !slices.Equal(got, want) {
						t.Errorf("got %v, want %v", got, want)
					}
				})
			}
		}
	}
	w.t = t
	if got, _ := w.pick(ledger.Query{}); int64(len(got)) != last+1 {
		t.Errorf("%d entries of %d are left", len(got), last+1)
	}
}

// A page looks at 3,000 entries at most and says how far it came; large entries end it sooner.
func TestSiftingIsBounded(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	var batch []*event.Submission
	for i := range 6000 {
		e := w.draft("gateway/1", claim(data, 1))
		if i == 5500 {
			e.Purpose = "the needle"
		}
		batch = append(batch, w.sign(e, 'g'))
	}
	for part := range slices.Chunk(batch, 1000) {
		w.must(part...)
	}
	q := ledger.Query{Text: "needle"}
	page, err := w.log.Entries(t.Context(), q)
	if err != nil || len(page.Entries) != 0 || page.Next == "" || page.Reached != 2999 {
		t.Fatalf("%d entries, reached %d, next %q, %v", len(page.Entries), page.Reached, page.Next, err)
	}
	if got, pages := w.pick(q); len(got) != 1 || pages != 3 {
		t.Errorf("%v on %d pages", got, pages)
	}
	q.Descending = true
	if page, err = w.log.Entries(t.Context(), q); err != nil || len(page.Entries) != 1 || page.Reached != page.Size-3000 {
		t.Errorf("backwards: %d entries, reached %d, %v", len(page.Entries), page.Reached, err)
	}
	if got, _ := w.pick(ledger.Query{Text: strings.Repeat("no such thing", 7), Descending: true}); got != nil {
		t.Errorf("found %v", got)
	}
}

// Anybody may have the log look at entries one by one. Who comes while others do waits, and keeps nobody from what indexes know.
func TestSiftingInTurn(t *testing.T) {
	w := newWorld(t)
	free := w.log.SiftElsewhere()
	patient, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var refusal *ledger.Refusal
	if _, err := w.log.Entries(patient, ledger.Query{Text: "operator", Descending: true}); !errors.As(err, &refusal) || refusal.Code != ledger.Unavailable || !strings.Contains(refusal.Detail, "for others") {
		t.Errorf("looked through the entries with all others: %v", err)
	}
	if _, err := w.log.Entries(t.Context(), ledger.Query{Kinds: []event.Kind{event.Source}}); err != nil {
		t.Errorf("what an index knows has to wait, too: %v", err)
	}
	free()
	if _, err := w.log.Entries(t.Context(), ledger.Query{Text: "operator", Descending: true}); err != nil {
		t.Error(err)
	}
}
