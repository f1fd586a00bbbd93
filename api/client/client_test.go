package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

func TestSubmitAndResend(t *testing.T) {
	log := newMemLog(t)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	sub, _ := submission(t, "gateway/1", verify.NewChain())
	first, err := c.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if first.Duplicate || first.Index != 0 {
		t.Errorf("the first answer is %+v", first)
	}
	again, err := c.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Duplicate || again.Index != first.Index || !bytes.Equal(again.Leaf, first.Leaf) {
		t.Errorf("the resend is answered with %+v, the first time with %+v", again, first)
	}
	if _, _, err := first.Open(c.Key()); err != nil {
		t.Errorf("the receipt doesn't open: %v", err)
	}
	byIndex, err := c.Entry(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	byDigest, err := c.Event(t.Context(), first.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(byIndex.Leaf, first.Leaf) || byDigest.Index != 0 {
		t.Errorf("fetched %+v and %+v", byIndex, byDigest)
	}
	text, err := c.Proof(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := verify.ParseReceipt(first.Leaf, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := receipt.Open(c.Key()); err != nil {
		t.Errorf("leaf and tlog-proof don't open: %v", err)
	}
}

// TestLies has a log, or somebody on the way, change what it answers: each change is an alarm, and is not tried again.
func TestLies(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	at := verify.NewChain()
	for range 3 { // so that proofs have hashes
		var sub *event.Submission
		sub, at = submission(t, "gateway/1", at)
		log.Submit(t.Context(), []*event.Submission{sub})
	}
	_, stranger, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]struct {
		change func(body string) string
		key    string
	}{
		"another index":       {change: func(b string) string { return strings.Replace(b, `"index":3`, `"index":2`, 1) }},
		"another digest":      {change: func(b string) string { return swap(b, `"digest":"`) }},
		"another leaf":        {change: func(b string) string { return strings.Replace(b, `"leaf":"eyJ`, `"leaf":"eyK`, 1) }},
		"another log time":    {change: func(b string) string { return strings.Replace(b, `"logged":17`, `"logged":18`, 1) }},
		"another hash":        {change: func(b string) string { return swap(b, `"hashes":["`) }},
		"another root":        {change: func(b string) string { return strings.Replace(b, `\n4\n`, `\n5\n`, 1) }},
		"no proof":            {change: func(b string) string { return b[:strings.Index(b, `"hashes"`)] + `"index":3,"size":4}}` }},
		"no JSON":             {change: func(b string) string { return b[:len(b)/2] }},
		"another key's heads": {key: stranger},
	} {
		t.Run(name, func(t *testing.T) {
			key := log.public
			if lie.key != "" {
				key = lie.key
			}
			c, transport := connect(t, url, key)
			requests := 0
			transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
				if r.Method == http.MethodPost {
					requests++
				}
				response, err := send()
				if err != nil || lie.change == nil || r.Method != http.MethodPost {
					return response, err
				}
				body, err := io.ReadAll(response.Body)
				if err != nil {
					return nil, err
				}
				changed := lie.change(string(body))
				if changed == string(body) {
					t.Errorf("the test changed nothing in %s", body)
				}
				response.Body, response.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
				return response, nil
			})
			sub, _ := submission(t, "gateway/1", at)
			receipt, err := c.Submit(t.Context(), sub)
			var alarm *client.Alarm
			if !errors.As(err, &alarm) {
				t.Fatalf("got the receipt %+v and the error %v, want an alarm", receipt, err)
			}
			if requests != 1 {
				t.Errorf("the event was sent %d times", requests)
			}
		})
	}
}

// swap changes the hex digit behind a prefix.
func swap(body, prefix string) string {
	at := strings.Index(body, prefix) + len(prefix)
	digit := "0"
	if body[at] == '0' {
		digit = "1"
	}
	return body[:at] + digit + body[at+1:]
}

// TestAnotherEventsReceipt has the log answer with a good receipt of something else.
func TestAnotherEventsReceipt(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	c, _ := connect(t, url, log.public)
	first, at := submission(t, "gateway/1", verify.NewChain())
	second, _ := submission(t, "gateway/1", at)
	log.Submit(t.Context(), []*event.Submission{first})
	swapped := &swappingLog{memLog: log, instead: first}
	c2, _ := connect(t, serveLog(t, swapped, nil), log.public)
	_, err := c2.Submit(t.Context(), second)
	var alarm *client.Alarm
	if !errors.As(err, &alarm) {
		t.Errorf("got %v, want an alarm", err)
	}
	if _, err := c.Submit(t.Context(), second); err != nil {
		t.Errorf("an honest answer: %v", err)
	}
}

type swappingLog struct {
	*memLog
	instead *event.Submission
}

func (s *swappingLog) Submit(ctx context.Context, _ []*event.Submission) []ledger.Outcome {
	return s.memLog.Submit(ctx, []*event.Submission{s.instead})
}

// TestRewrittenHistory has a log under the same key begin anew, in all the ways in which a client can notice.
func TestRewrittenHistory(t *testing.T) {
	fill := func(log *memLog, source string, n int) {
		at := verify.NewChain()
		for range n {
			var sub *event.Submission
			sub, at = submission(t, source, at)
			log.Submit(t.Context(), []*event.Submission{sub})
		}
	}
	for _, size := range []int{2, 3, 5} {
		t.Run(fmt.Sprintf("from 3 entries to %d others", size), func(t *testing.T) {
			honest := newMemLog(t)
			fill(honest, "gateway/1", 3)
			before, _ := connect(t, serveLog(t, honest, nil), honest.public)
			if _, err := before.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			forked := honest.twin()
			fill(forked, "gateway/2", size)
			after, _ := connect(t, serveLog(t, forked, nil), honest.public, func(o *client.Options) { o.Trusted = before.Head() })
			_, err := after.Checkpoint(t.Context())
			var alarm *client.Alarm
			var problem *client.Problem
			if !errors.As(err, &alarm) && !(size < 3 && errors.As(err, &problem)) {
				t.Errorf("got %v, want an alarm", err)
			}
			if alarm == nil {
				return
			}
			// Whoever knows the log's key is convinced, without asking this client or the log.
			if len(alarm.Notes) != 2 || alarm.Fork == nil {
				t.Fatalf("the alarm has %d notes, and the evidence %v", len(alarm.Notes), alarm.Fork)
			}
			if report, err := alarm.Fork.Check(after.Key()); err != nil || report.First.Size != 3 || report.Second.Size != int64(size) {
				t.Errorf("the evidence shows %v, %v", report, err)
			}
		})
	}
}

// A log that gives a wrong consistency proof of its one history is broken, and didn't fork: nobody is to be accused of that.
func TestWrongProofIsNoFork(t *testing.T) {
	log := &misprovingLog{newMemLog(t)}
	at := verify.NewChain()
	var sub *event.Submission
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	for range 3 {
		sub, at = submission(t, "gateway/1", at)
		log.Submit(t.Context(), []*event.Submission{sub})
	}
	if _, err := c.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	sub, _ = submission(t, "gateway/1", at)
	log.Submit(t.Context(), []*event.Submission{sub})
	_, err := c.Checkpoint(t.Context())
	var alarm *client.Alarm
	if !errors.As(err, &alarm) || alarm.Fork != nil || !errors.Is(err, verify.ErrNoFork) || !strings.Contains(err.Error(), "of one history") {
		t.Errorf("got %v, want an alarm without evidence of a fork", err)
	}
	if seen := c.Heads(); len(seen) != 2 {
		t.Errorf("%d heads were kept", len(seen))
	}
}

type misprovingLog struct{ *memLog }

func (m *misprovingLog) Consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	hashes, err := m.memLog.Consistency(ctx, from, to)
	if len(hashes) > 0 {
		hashes[0][0] ^= 1
	}
	return hashes, err
}

// TestTwoRootsAreNoticedUnlinked has a log sign two roots for one size, for a client that doesn't ask for consistency.
func TestTwoRootsAreNoticedUnlinked(t *testing.T) {
	honest := newMemLog(t)
	forked := honest.twin()
	log := &switchingLog{memLog: honest}
	c, _ := connect(t, serveLog(t, log, nil), honest.public, func(o *client.Options) { o.Unlinked = true })
	at := verify.NewChain()
	for range 3 {
		var sub *event.Submission
		sub, at = submission(t, "gateway/1", at)
		if _, err := c.Submit(t.Context(), sub); err != nil {
			t.Fatal(err)
		}
	}
	log.memLog = forked
	at = verify.NewChain()
	sub, at := submission(t, "gateway/2", at)
	other, _ := submission(t, "gateway/2", at)
	forked.Submit(t.Context(), []*event.Submission{sub})
	_, err := c.Submit(t.Context(), other) // the second entry, once more
	var alarm *client.Alarm
	if !errors.As(err, &alarm) || !strings.Contains(err.Error(), "two roots for size 2") || alarm.Fork == nil {
		t.Fatalf("got %v, want an alarm with evidence", err)
	}
	if _, err := alarm.Fork.Check(c.Key()); err != nil {
		t.Error(err)
	}
}

// switchingLog is one log, and then another.
type switchingLog struct{ *memLog }

func TestRetries(t *testing.T) {
	log := newMemLog(t)
	c, transport := connect(t, serveLog(t, log, nil), log.public)
	at := verify.NewChain()
	for name, fault := range map[string]struct {
		times     int // that a request fails
		hook      func(send func() (*http.Response, error)) (*http.Response, error)
		duplicate bool
		status    int // of the error; 0 for none
	}{
		"lost answers":        {times: 2, hook: lose, duplicate: true},
		"no connection":       {times: 3, hook: func(func() (*http.Response, error)) (*http.Response, error) { return nil, errors.New("refused") }},
		"unavailable":         {times: 3, hook: answer(503, "")},
		"busy":                {times: 3, hook: answer(429, "")},
		"bad gateway":         {times: 3, hook: answer(502, "")},
		"unavailable forever": {times: 1000, hook: answer(503, ""), status: 503},
		"internal":            {times: 1000, hook: answer(500, ""), status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			failed := 0
			transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
				if r.Method == http.MethodPost && failed < fault.times {
					failed++
					return fault.hook(send)
				}
				return send()
			})
			sub, next := submission(t, "gateway/1", at)
			receipt, err := c.Submit(t.Context(), sub)
			var problem *client.Problem
			switch {
			case fault.status != 0:
				if !errors.As(err, &problem) || problem.Status != fault.status {
					t.Errorf("got %v, want a problem of status %d", err, fault.status)
				}
				if want := map[int]int{503: 6, 500: 1}[fault.status]; failed != want {
					t.Errorf("the request was sent %d times, want %d", failed, want)
				}
			case err != nil:
				t.Fatal(err)
			default:
				at = next
				if receipt.Duplicate != fault.duplicate {
					t.Errorf("duplicate is %t", receipt.Duplicate)
				}
			}
		})
	}
}

func answer(status int, retryAfter string) func(func() (*http.Response, error)) (*http.Response, error) {
	return func(func() (*http.Response, error)) (*http.Response, error) {
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	log := newMemLog(t)
	c, transport := connect(t, serveLog(t, log, nil), log.public)
	var times []time.Time
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		times = append(times, time.Now())
		if len(times) == 1 {
			return answer(503, "1")(send)
		}
		return send()
	})
	if _, err := c.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(times) != 2 || times[1].Sub(times[0]) < time.Second {
		t.Errorf("the log asked for a second, and was asked at %v", times)
	}
}

func TestContextEndsRetries(t *testing.T) {
	log := newMemLog(t)
	c, transport := connect(t, serveLog(t, log, nil), log.public, func(o *client.Options) { o.Retries = 1000 })
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if asked++; asked == 3 {
			cancel()
		}
		return answer(503, "")(send)
	})
	if _, err := c.Checkpoint(ctx); !errors.Is(err, context.Canceled) && !errors.As(err, new(*client.Problem)) {
		t.Errorf("got %v", err)
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}

func TestProblemsAreTyped(t *testing.T) {
	log := newMemLog(t)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	first, at := submission(t, "gateway/1", verify.NewChain())
	if _, err := c.Submit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	far, _ := submission(t, "gateway/1", verify.Chain{Seq: 9, Prev: at.Prev})
	_, err := c.Submit(t.Context(), far)
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Code != client.CodeSequenceFork || problem.Expected == nil || *problem.Expected != at {
		t.Fatalf("got %v", err)
	}
	outcomes, err := c.SubmitBatch(t.Context(), []*event.Submission{first, far})
	if err != nil {
		t.Fatal(err)
	}
	if outcomes[0].Err != nil || !outcomes[0].Receipt.Duplicate || !client.HasCode(outcomes[1].Err, client.CodeSequenceFork) {
		t.Errorf("got %+v", outcomes)
	}
	if _, err := c.Entry(t.Context(), 17); !client.HasCode(err, client.CodeNotFound) {
		t.Errorf("an entry that isn't there: %v", err)
	}
}

// TestProvingKeyResumes breaks the connection again and again.
func TestProvingKeyResumes(t *testing.T) {
	log := newMemLog(t)
	key := make([]byte, 300_000)
	_, _ = rand.Read(key)
	vk := addStatement(t, log, key)
	c, transport := connect(t, serveLog(t, log, log), log.public)
	broken := 0
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		response, err := send()
		if err == nil && strings.HasSuffix(r.URL.Path, "/proving-key") && broken < 4 {
			broken++
			response.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(response.Body, 50_000), failingReader{}), response.Body}
		}
		return response, err
	})
	r, statement, err := c.ProvingKeyOf(t.Context(), vk, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, key) || broken != 4 || statement.Claims.ProvingKey != event.DigestOf(key) {
		t.Errorf("got %d bytes over %d broken connections", len(got), broken)
	}
	r, err = c.ProvingKey(t.Context(), statement, 299_990)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, key[299_990:]) {
		t.Errorf("the rest is %x, %v", rest, err)
	}
	log.keys[vk] = append([]byte{key[0] ^ 1}, key[1:]...)
	if r, err = c.ProvingKey(t.Context(), statement, 0); err != nil {
		t.Fatal(err)
	}
	var alarm *client.Alarm
	if _, err := io.ReadAll(r); !errors.As(err, &alarm) {
		t.Errorf("another key: %v, want an alarm", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// addStatement logs the registration of a statement with this proving key.
func addStatement(t *testing.T, log *memLog, key []byte) event.Digest {
	t.Helper()
	claims := &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: event.DigestOf([]byte("ccs")), Constraints: 1, Proves: event.DataAccess,
		Name: "data-access-64", ProvingKey: event.DigestOf(key), ProvingKeySize: int64(len(key)), Setup: event.SetupOneParty, VerifyingKey: []byte("verifying key")}
	e := &event.Event{Subject: accessDraft(1).Subject, Log: origin, Source: "operator/1", Seq: 1, Time: 1, Proof: event.ProofNone, Claims: claims}
	payload, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	outcome := log.Submit(t.Context(), []*event.Submission{{Envelope: event.Sign(payload, sourceKey)}})[0]
	if outcome.Refusal != nil {
		t.Fatal(outcome.Refusal)
	}
	vk := event.DigestOf(claims.VerifyingKey)
	log.keys[vk], log.keyEntry[vk] = key, outcome.Receipt.Index
	return vk
}

func TestImportedStatementHasNoProvingKey(t *testing.T) {
	log := newMemLog(t)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	_, err := c.ProvingKey(t.Context(), &client.Statement{Claims: &event.StatementClaims{Proves: event.Custom, Name: "mine"}}, 0)
	if err == nil || !strings.Contains(err.Error(), "whoever made its circuit has it") {
		t.Errorf("got %v", err)
	}
}
