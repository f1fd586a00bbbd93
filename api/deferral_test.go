package api

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/dataaccess"
	"github.com/attestlog/attestlog/prover/keys/keytest"
)

const recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

// must logs an event past the API.
func (w *live) must(sub *event.Submission) *ledger.Receipt {
	w.t.Helper()
	o := w.ledger.Submit(w.t.Context(), []*event.Submission{sub})[0]
	if o.Refusal != nil {
		w.t.Fatal(o.Refusal)
	}
	return o.Receipt
}

// foundProving registers a statement about accesses, a prover and a data set.
func (w *live) foundProving() (under, data event.Digest) {
	w.t.Helper()
	k := keytest.Keys(w.t, "data-access-16", func() (constraint.ConstraintSystem, error) { return dataaccess.Compile(16) })
	d := func(s string) event.Digest { return event.DigestOf([]byte(s)) }
	w.must(w.say("operator/1", 'o', &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: d("ccs"), Constraints: 1000, Proves: event.DataAccess,
		Name: "data-access-16", ProvingKey: d("pk"), ProvingKeySize: 1000, Setup: event.SetupOneParty, VerifyingKey: k.VerifyingKey.Bytes()}))
	public := keyOf('p').Public().(ed25519.PublicKey)
	w.must(w.say("operator/1", 'o', &event.SourceClaims{Action: event.SourceRegister, Key: public, Role: event.RoleProver, Source: "prover/1", Recipient: recipient,
		Consent: ed25519.Sign(keyOf('p'), event.ConsentMessage(liveOrigin, "prover/1", public, nil, recipient))}))
	data = w.must(w.say("clinic/1", 'c', &event.DatasetClaims{Columns: []event.Column{{Name: "age", Role: event.RoleQuasi,
		Coding: event.Coding{Integer: &event.IntegerCoding{Max: 120}}}}, Purposes: []string{"care"}, Root: event.Element{31: 1}, Rows: 100})).Digest
	return k.VerifyingKey.Digest(), data
}

// deferred is gateway/1's next event, an access whose proof is deferred.
func (w *live) deferred(under, data event.Digest, witness []byte) *event.Submission {
	w.t.Helper()
	at := w.chains["gateway/1"]
	if at.Seq == 0 {
		at.Seq = 1
	}
	e := &event.Event{Subject: event.Subject{Name: "triage"}, Log: liveOrigin, Source: "gateway/1", Seq: at.Seq, Prev: at.Prev, Time: 1700000000000,
		Proof: event.ProofDeferred, Statement: under, Witness: event.DigestOf(witness),
		Claims: &event.DataAccessClaims{Accesses: event.Element{31: 5}, Columns: []string{"age"}, Dataset: data, Purpose: "care", Records: 2}}
	payload, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	at.Seq, at.Prev = at.Seq+1, event.DigestOf(payload)
	w.chains["gateway/1"] = at
	return &event.Submission{Envelope: event.Sign(payload, keyOf('g')), Witness: witness}
}

func encoded(t testing.TB, sub *event.Submission) string {
	t.Helper()
	b, err := sub.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A deferred event, from its POST to its attestation, as clients see it. All traffic is held against openapi.yaml.
func TestDeferredEventOverHTTP(t *testing.T) {
	w := startLive(t)
	under, data := w.foundProving()
	large := w.deferred(under, data, bytes.Repeat([]byte{7}, event.MaxWitness)) // the largest there can be
	body := encoded(t, large)
	status, _, answer := w.post("/v1/events", body)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	if bytes.Contains(answer, []byte(`"witness":"BwcH`)) || len(answer) > 10_000 {
		t.Errorf("the receipt has %d bytes", len(answer))
	}
	loose := strings.Replace(body, `{"envelope"`, "{\n  \"envelope\"", 1)
	if status, _, again := w.post("/v1/events", loose); status != http.StatusOK {
		t.Errorf("the same, typed by hand: %d %s", status, again)
	}
	digest := large.Envelope.Digest().String()
	has := func(path, want string) {
		t.Helper()
		if status, _, body := w.get(path); status != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %.400s; want %s", path, status, body, want)
		}
	}
	has("/v1/events/"+digest, `"deferral":{"state":"waiting"}`)
	has("/v1/entries?kind=data-access", `"deferral":{"state":"waiting"}`)
	has("/v1/events/"+digest+"/attestations", `{"attestations":[],"event":"`+digest+`","index":`)
	has("/v1/events/"+digest+"/attestations", `"state":"waiting"}`)
	has("/v1/sources/prover/1", `"recipient":"`+recipient+`"`)
	w.until("the queue is seen", func() bool {
		_, _, body := w.get("/v1/proving")
		return strings.Contains(string(body), `"witnesses":1`)
	})
	has("/v1/proving", `"name":"data-access-16"`)
	has("/v1/proving", `"statement":"`+under.String()+`","waiting":1}`)

	refusal := w.must(w.say("prover/1", 'p', &event.AttestationClaims{Event: large.Envelope.Digest(), Outcome: event.OutcomeRefused, Reason: "undecryptable"}))
	has("/v1/events/"+digest, fmt.Sprintf(`"deferral":{"attestation":%d,"state":"refused"}`, refusal.Index))
	has("/v1/events/"+digest+"/attestations", `"reason":"undecryptable"`)
	has("/v1/events/"+digest+"/attestations", `"state":"refused"}`)
	w.until("the refusal is counted", func() bool {
		_, _, body := w.get("/v1/proving")
		return strings.Contains(string(body), `"refused":1`)
	})
	if status, _, body := w.post("/v1/events", encoded(t, w.say("prover/1", 'p', &event.AttestationClaims{Event: large.Envelope.Digest(),
		Outcome: event.OutcomeRefused, Reason: "unsatisfied"}))); status != http.StatusConflict || !strings.Contains(string(body), "already-attested") {
		t.Errorf("a second refusal: %d %s", status, body)
	}
	for path, want := range map[string]int{
		"/v1/events/" + refusal.Digest.String() + "/attestations":  http.StatusNotFound, // it didn't defer anything
		"/v1/events/" + event.Digest{1}.String() + "/attestations": http.StatusNotFound,
		"/v1/events/x/attestations":                                http.StatusBadRequest,
		"/v1/events/" + digest + "/attestations?a=1":               http.StatusBadRequest,
		"/v1/proving?a=1": http.StatusBadRequest,
	} {
		if status, _, body := w.get(path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

// Witnesses in a batch count for themselves: each event has its own size and its own fate.
func TestDeferredBatch(t *testing.T) {
	w := startLive(t)
	under, data := w.foundProving()
	var subs []*event.Submission
	for n := range 3 {
		subs = append(subs, w.deferred(under, data, bytes.Repeat([]byte{byte(n)}, 300_000)))
	}
	subs[2].Witness = []byte("another one")
	status, _, body := w.post("/v1/events:batch", string(batchOf(t, subs)))
	var answer struct {
		Outcomes []struct {
			Status  int
			Problem struct{ Code string }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || len(answer.Outcomes) != 3 {
		t.Fatalf("%d %v %.300s", status, err, body)
	}
	if a := answer.Outcomes; a[0].Status != 201 || a[1].Status != 201 || a[2].Status != 422 || a[2].Problem.Code != "witness-mismatch" {
		t.Errorf("the outcomes are %+v", a)
	}
}

// Only a witness makes a large submission right, and it has bounds of its own.
func TestSizeOfDeferredSubmissions(t *testing.T) {
	w := startLive(t)
	under, data := w.foundProving()
	good := encoded(t, w.deferred(under, data, []byte("sealed")))
	pad := func(n int) string { return strings.Repeat(" ", n) }
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"a large one without a witness": {`{"x":"` + strings.Repeat("y", 200_000) + `"}`, "too-large"},
		"large beside its witness":      {good[:len(good)-1] + pad(140_000) + "}", "too-large"},
		"a witness too large":           {strings.Replace(good, `"witness":"`, `"witness":"`+strings.Repeat("AAAA", event.MaxWitness/3+1), 1), "malformed"},
		"beyond all bounds":             {strings.Replace(good, `"witness":"`, `"witness":"`+strings.Repeat("AAAA", 500_000), 1), "too-large"},
		"a witness beside nothing":      {`{"witness":"AAAA"}`, "malformed"},
	} {
		status, _, body := w.post("/v1/events", c.body)
		if status < 400 || !strings.Contains(string(body), `"code":"`+c.code+`"`) {
			t.Errorf("%s: %d %.300s, want %s", name, status, body, c.code)
		}
	}
}

// Requests with witnesses share a bound of their own: while it is taken, the next one waits and is told to come again, and those without go on.
func TestRoomForWitnesses(t *testing.T) {
	w := startLive(t)
	under, data := w.foundProving()
	s, err := newServer(Config{Ledger: w.ledger, Limits: Limits{Refused: -1, Witnesses: 1, Timeout: 300 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	all := s.limits.Event + s.limits.Witness // one request's worth, however little is configured
	if !s.large.TryAcquire(all) || s.large.TryAcquire(1) {
		t.Fatalf("the room for witnesses is not %d bytes", all)
	}
	body := encoded(t, w.deferred(under, data, make([]byte, 500_000)))
	post := func(handler http.Handler, body string) (int, string) {
		r := request(t, http.MethodPost, "/v1/events", body)
		r.Header.Set("Content-Type", "application/json")
		answer := &recorder{header: http.Header{}}
		handler.ServeHTTP(answer, r)
		return answer.status, answer.body.String()
	}
	if status, text := post(s.routes, body); status != http.StatusTooManyRequests || !strings.Contains(text, "busy") {
		t.Errorf("without room: %d %s", status, text)
	}
	s.large.Release(all)
	if status, text := post(s.routes, body); status != http.StatusCreated {
		t.Errorf("with room: %d %s", status, text)
	}
	if !s.large.TryAcquire(all) {
		t.Error("the room was not given back")
	}
	if status, text := post(s.routes, encoded(t, w.approvals(1)[0])); status != http.StatusCreated {
		t.Errorf("an event without a witness, when there is no room for any: %d %s", status, text)
	}
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
